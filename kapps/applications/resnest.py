"""ResNeSt: Split-Attention Networks (Zhang et al., 2020, arXiv:2004.08955).

ResNet-D whose 3x3 convolutions are two, mixed channel by channel by attention over both.
"""

from dataclasses import replace
from functools import partial

from kapps.applications._application import Application, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.resnet import DEPTHS, TORCH
from kapps.layers import Blocks
from kapps.layers.channel_attention import split_attention
from kapps.layers.residual import bottleneck, pooled_projection, residual_stages, residual_stem


def attend(x, nn: Blocks, filters: int, strides: int, groups: int, *, name: str):
    """Split attention at full size; a mean over 3x3 pixels strides after it."""
    x = split_attention(x, nn, filters, 1, groups, name=name)
    if strides > 1:  # the zeros of the padding count, as in the paper's code
        x = nn.pad(x, 1, name=f"{name}_pool")
        x = nn.avg_pool(x, 3, strides, name=f"{name}_pool")
    return x


def backbone(x, nn: Blocks, *, depths: tuple[int, ...], stem: tuple[int, ...]):
    x = residual_stem(x, nn, stem)
    x = nn.max_pool(x, 3, strides=2, name="stem_pool")
    return residual_stages(x, nn, depths, partial(bottleneck, spatial=attend), pooled_projection)


def _application(depth: int, size: int = 224, **evaluation):
    wide = depth > 50
    return Application(
        f"ResNeSt{depth}",
        backbone,
        size=size,
        flavors={"torch": replace(TORCH, **evaluation)},
        config={"depths": DEPTHS[depth], "stem": (64, 64, 128) if wide else (32, 32, 64)},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/resnest{depth}{'e' if wide else 'd'}", "torch"),),
    )


ResNeSt14 = _application(14)
ResNeSt26 = _application(26)
ResNeSt50 = _application(50)
ResNeSt101 = _application(101, size=256)
ResNeSt200 = _application(200, size=320, crop_pct=0.909, interpolation="bicubic")
ResNeSt269 = _application(269, size=416, crop_pct=0.928, interpolation="bicubic")

__all__ = [
    "ResNeSt14",
    "ResNeSt26",
    "ResNeSt50",
    "ResNeSt101",
    "ResNeSt200",
    "ResNeSt269",
    "decode_predictions",
    "preprocess_input",
]
