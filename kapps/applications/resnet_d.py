"""ResNet-D: Bag of Tricks for Image Classification (He et al., 2018, arXiv:1812.01187).

Three small convolutions in place of the first large one, and shortcuts that average before they
project (section 4.2).
"""

from dataclasses import replace

from kapps.applications._application import Application, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.resnet import DEPTHS, TORCH
from kapps.layers import Blocks
from kapps.layers.residual import bottleneck, pooled_projection, residual_stages, residual_stem


def backbone(x, nn: Blocks, *, depths: tuple[int, ...]):
    x = residual_stem(x, nn, (32, 32, 64))
    x = nn.max_pool(x, 3, strides=2, name="stem_pool")
    return residual_stages(x, nn, depths, bottleneck, pooled_projection)


def _application(depth: int, size: int = 256, crop_pct: float = 0.95):
    return Application(
        f"ResNet{depth}D",
        backbone,
        size=size,
        flavors={"torch": replace(TORCH, crop_pct=crop_pct, interpolation="bicubic")},
        config={"depths": DEPTHS[depth]},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/resnet{depth}d", "torch"),),
    )


ResNet50D = _application(50, size=224, crop_pct=0.875)
ResNet101D = _application(101)
ResNet152D = _application(152)
ResNet200D = _application(200)

__all__ = [
    "ResNet50D",
    "ResNet101D",
    "ResNet152D",
    "ResNet200D",
    "decode_predictions",
    "preprocess_input",
]
