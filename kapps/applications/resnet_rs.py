"""ResNet-RS: Improved Training and Scaling Strategies (Bello et al., 2021, arXiv:2103.07579).

ResNet-D whose stem strides instead of pooling, with squeeze-and-excitation in every block, trained
with dropout and, in the large members, stochastic depth.
"""

from dataclasses import replace
from functools import partial

from kapps.applications._application import Application, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.resnet import DEPTHS, TORCH
from kapps.layers import Blocks
from kapps.layers.residual import bottleneck, pooled_projection, residual_stages, residual_stem


def excite(x, nn: Blocks, *, name: str):
    return nn.squeeze_excite(x, nn.channels(x) // 4, name=f"{name}_se")


def backbone(x, nn: Blocks, *, depths: tuple[int, ...], drop_path: float):
    x = residual_stem(x, nn, (32, 32, 64))
    x = nn.conv_norm_act(x, 64, 3, strides=2, name="stem_pool")
    branch = partial(bottleneck, attention=excite)
    return residual_stages(x, nn, depths, branch, pooled_projection, drop_path)


def _application(depth: int, size: int, crop_pct: float):
    return Application(
        f"ResNetRS{depth}",
        backbone,
        size=size,
        flavors={"torch": replace(TORCH, crop_pct=crop_pct, interpolation="bicubic")},
        config={"depths": DEPTHS[depth]},
        dropout=0.25,
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/resnetrs{depth}", "torch"),),
    )


ResNetRS50 = _application(50, size=160, crop_pct=0.91)
ResNetRS101 = _application(101, size=192, crop_pct=0.94)

__all__ = ["ResNetRS50", "ResNetRS101", "decode_predictions", "preprocess_input"]
