"""SENet: Squeeze-and-Excitation Networks (Hu et al., 2018, arXiv:1709.01507).

ResNets and ResNeXts whose blocks scale their channels. Some of timm's come from the authors' Caffe
("legacy_" there), the others were trained again, with the strides of today's ResNet.
"""

from dataclasses import replace
from functools import partial

from kapps.applications._application import Application, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.resnet import DEPTHS, TORCH
from kapps.layers import Blocks
from kapps.layers.residual import (
    basic,
    bottleneck,
    pooled_projection,
    projection,
    residual_stages,
    residual_stem,
)


def excite(x, nn: Blocks, *, name: str):
    """Squeeze to a sixteenth of the channels, as in every network of the paper."""
    return nn.squeeze_excite(x, nn.channels(x) // 16, name=f"{name}_se")


def activate_and_excite(x, nn: Blocks, *, name: str):
    """timm's small networks activate the branch first, unlike the paper's figure 3."""
    return excite(nn.act(x, name=f"{name}_2_act"), nn, name=name)


def backbone(
    x,
    nn: Blocks,
    *,
    depths: tuple[int, ...],
    branch,
    stem: tuple[int, ...] = (64,),
    shortcut=projection,
    caffe: bool = False,
):
    x = residual_stem(x, nn, stem)
    if caffe:  # windows begin at the first pixel, and the last may reach over the edge
        x = nn.pad(x, ((0, 1), (0, 1)), name="stem_pool")
    x = nn.max_pool(x, 3, strides=2, padding="valid" if caffe else None, name="stem_pool")
    return residual_stages(x, nn, depths, branch, shortcut)


def _application(
    name: str,
    depth: int,
    timm_name: str,
    *,
    branch,
    size: int = 224,
    crop_pct: float = 0.875,
    interpolation: str = "bicubic",
    dropout: float = 0.0,
    **config,
):
    return Application(
        name,
        backbone,
        size=size,
        flavors={"torch": replace(TORCH, crop_pct=crop_pct, interpolation=interpolation)},
        config={"depths": DEPTHS[depth], "branch": branch, **config},
        dropout=dropout,
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/{timm_name}", "torch"),),
    )


SMALL = partial(basic, attention=activate_and_excite)
BOTTLENECK = partial(bottleneck, attention=excite)
CAFFE = partial(BOTTLENECK, strides_on=1)
NEXT_32 = partial(BOTTLENECK, groups=32, width=4)
NEXT_64 = partial(BOTTLENECK, groups=64, width=4)
# The appendix: three convolutions in the stem, half as many filters in each block's first one, 3x3
# kernels in the shortcuts that stride, and dropout.
SENET154 = {
    "branch": partial(NEXT_64, reduction=2),
    "stem": (64, 64, 128),
    "shortcut": partial(projection, kernel_size=3),
    "dropout": 0.2,
}
LEGACY = {"caffe": True, "interpolation": "bilinear"}

SEResNet18 = _application("SEResNet18", 18, "legacy_seresnet18", branch=SMALL, caffe=True)
SEResNet34 = _application("SEResNet34", 34, "legacy_seresnet34", branch=SMALL, **LEGACY)
SEResNet50 = _application("SEResNet50", 50, "seresnet50", branch=BOTTLENECK)
SEResNet50Legacy = _application("SEResNet50Legacy", 50, "legacy_seresnet50", branch=CAFFE, **LEGACY)
SEResNet101 = _application("SEResNet101", 101, "legacy_seresnet101", branch=CAFFE, **LEGACY)
SEResNet152 = _application("SEResNet152", 152, "legacy_seresnet152", branch=CAFFE, **LEGACY)
SEResNet152D = _application(
    "SEResNet152D",
    152,
    "seresnet152d",
    branch=BOTTLENECK,
    stem=(32, 32, 64),
    shortcut=pooled_projection,
    size=256,
    crop_pct=0.95,
)
SEResNeXt50_32x4d = _application("SEResNeXt50_32x4d", 50, "seresnext50_32x4d", branch=NEXT_32)
SEResNeXt101_32x4d = _application("SEResNeXt101_32x4d", 101, "seresnext101_32x4d", branch=NEXT_32)
SEResNeXt101_64x4d = _application("SEResNeXt101_64x4d", 101, "seresnext101_64x4d", branch=NEXT_64)
SENet154 = _application("SENet154", 152, "legacy_senet154", **SENET154, **LEGACY)
SENet154Gluon = _application("SENet154Gluon", 152, "senet154", **SENET154)

__all__ = [
    "SENet154",
    "SENet154Gluon",
    "SEResNeXt50_32x4d",
    "SEResNeXt101_32x4d",
    "SEResNeXt101_64x4d",
    "SEResNet18",
    "SEResNet34",
    "SEResNet50",
    "SEResNet50Legacy",
    "SEResNet101",
    "SEResNet152",
    "SEResNet152D",
    "decode_predictions",
    "preprocess_input",
]
