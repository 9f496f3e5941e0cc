"""SK-ResNet: Selective Kernel Networks (Li et al., 2019, arXiv:1903.06586).

A 3x3 and a dilated 3x3 convolution side by side, mixed by what the image shows. SKResNeXt50_32x4d
is the paper's SKNet-50; in timm's SKResNet18 and 34 each of the two sees half of the channels.
"""

from dataclasses import replace
from functools import partial

from kapps.applications._application import Application, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.resnet import DEPTHS, TORCH
from kapps.layers import Blocks, make_divisible
from kapps.layers.channel_attention import selective_kernel
from kapps.layers.residual import basic, bottleneck, residual_stages, residual_stem


def select(
    x, nn: Blocks, filters: int, strides: int, groups: int = 1, *, split, ratio, least, name
):
    """Selective kernels whose bottleneck has `filters / ratio` channels, in steps of `least`."""
    reduced = make_divisible(filters / ratio, least)
    return selective_kernel(
        x, nn, filters, strides, groups, reduced=reduced, split=split, name=name
    )


SPLIT = partial(select, split=True, ratio=8, least=16)
WHOLE = partial(select, split=False, ratio=16, least=32)  # r and L of the paper


def backbone(x, nn: Blocks, *, depths: tuple[int, ...], branch):
    x = residual_stem(x, nn)
    x = nn.max_pool(x, 3, strides=2, name="stem_pool")
    return residual_stages(x, nn, depths, branch)


def _application(name: str, depth: int, branch):
    return Application(
        name,
        backbone,
        size=224,
        flavors={"torch": replace(TORCH, interpolation="bicubic")},
        config={"depths": DEPTHS[depth], "branch": branch},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/{name.lower()}", "torch"),),
    )


SKResNet18 = _application("SKResNet18", 18, partial(basic, spatial=SPLIT))
SKResNet34 = _application("SKResNet34", 34, partial(basic, spatial=SPLIT))
SKResNeXt50_32x4d = _application(
    "SKResNeXt50_32x4d", 50, partial(bottleneck, groups=32, width=4, spatial=WHOLE)
)

__all__ = [
    "SKResNeXt50_32x4d",
    "SKResNet18",
    "SKResNet34",
    "decode_predictions",
    "preprocess_input",
]
