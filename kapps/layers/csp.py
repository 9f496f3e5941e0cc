"""The blocks of YOLOv4 to v8: half of the channels go around, and pooling at several sizes.

Their `conv_norm_act` is SiLU with the epsilon and momentum of the network's `Blocks`.
"""

import math

from kapps.layers.blocks import Blocks
from kapps.layers.channels import ChannelSlice


def dark_bottleneck(
    x, nn: Blocks, filters: int, *, kernels=(1, 3), expand=1.0, shortcut=True, name: str
):
    """Two convolutions, and the input added where shapes allow.

    Source: YOLOv3 (Redmon and Farhadi, 2018, arXiv:1804.02767), table 1.
    """
    y = nn.conv_norm_act(x, int(filters * expand), kernels[0], name=f"{name}_1")
    y = nn.conv_norm_act(y, filters, kernels[1], name=f"{name}_2")
    fits = shortcut and nn.channels(x) == filters
    return nn.residual(x, y, name=name) if fits else y


def c3(
    x, nn: Blocks, filters: int, depth: int = 1, *, shortcut=True, expand=0.5, kernels=(1, 3), name
):
    """A cross stage partial block: YOLOv5's C3, YOLOX's CSPLayer.

    Source: CSPNet (Wang et al., 2019, arXiv:1911.11929), figure 2b: `depth` bottlenecks on the one
    way, nothing on the other, both mixed by a 1x1 convolution.
    """
    inner = int(filters * expand)
    through = nn.conv_norm_act(x, inner, name=f"{name}_through")
    around = nn.conv_norm_act(x, inner, name=f"{name}_around")
    for index in range(1, depth + 1):
        through = dark_bottleneck(
            through, nn, inner, kernels=kernels, shortcut=shortcut, name=f"{name}_block{index}"
        )
    both = nn.concat([through, around], name=f"{name}_concat")
    return nn.conv_norm_act(both, filters, name=f"{name}_merge")


def c2f(
    x, nn: Blocks, filters: int, depth: int = 1, *, shortcut=False, expand=0.5, last=None, name: str
):
    """YOLOv8's block: what each bottleneck says is kept, and all is mixed by a 1x1 convolution.

    Source: the models of YOLOv8 (Ultralytics, 2023), after ELAN (Wang et al., 2022,
    arXiv:2207.02696, figure 2c).

    Args:
        last: `function(x, name=...)` of what the last bottleneck says, which is kept too.
    """
    inner = int(filters * expand)
    x = nn.conv_norm_act(x, 2 * inner, name=f"{name}_split")
    parts = [
        ChannelSlice(start, start + inner, nn.data_format, name=f"{name}_part{index}")(x)
        for index, start in enumerate((0, inner), 1)
    ]
    for index in range(1, depth + 1):
        parts.append(
            dark_bottleneck(
                parts[-1],
                nn,
                inner,
                kernels=(3, 3),
                shortcut=shortcut,
                name=f"{name}_block{index}",
            )
        )
    if last is not None:
        parts.append(last(parts[-1], name=name))
    x = nn.concat(parts, name=f"{name}_concat")
    return nn.conv_norm_act(x, filters, name=f"{name}_merge")


def spp(x, nn: Blocks, filters: int, sizes=(5, 9, 13), *, name: str):
    """Spatial pyramid pooling: maxima around each pixel over several sizes, side by side.

    Source: YOLOv4 (Bochkovskiy et al., 2020, arXiv:2004.10934), section 3.4, in YOLOv5's and
    YOLOX's form: 1x1 convolutions before, to half of the channels, and after.
    """
    x = nn.conv_norm_act(x, nn.channels(x) // 2, name=f"{name}_reduce")
    pooled = [nn.max_pool(x, size, 1, "same", name=f"{name}_pool{size}") for size in sizes]
    x = nn.concat([x, *pooled], name=f"{name}_concat")
    return nn.conv_norm_act(x, filters, name=f"{name}_merge")


def sppf(x, nn: Blocks, filters: int, size: int = 5, activation=None, *, name: str):
    """`spp` with the sizes 5, 9 and 13 as one pooling three times in a row: YOLOv5, v6 and v8."""
    x = nn.conv_norm_act(x, nn.channels(x) // 2, activation=activation, name=f"{name}_reduce")
    parts = [x]
    for index in range(1, 4):
        parts.append(nn.max_pool(parts[-1], size, 1, "same", name=f"{name}_pool{index}"))
    x = nn.concat(parts, name=f"{name}_concat")
    return nn.conv_norm_act(x, filters, activation=activation, name=f"{name}_merge")


def spp_csp(x, nn: Blocks, filters: int, width: int, *, deep=True, around_first=False, name: str):
    """`sppf` behind some convolutions on the one way, a 1x1 convolution on the other.

    Sources: the models of YOLOv7 (Wang et al., 2022, arXiv:2207.02696) and YOLOv6 (Li et al., 2023,
    arXiv:2301.05586), after Scaled-YOLOv4 (Wang et al., 2020, arXiv:2011.08036), figure 3.

    Args:
        width: filters of all convolutions but the last.
        deep: whether 3x3 convolutions stand before and behind the poolings; YOLOv7-tiny has none,
            and its poolings the other way round.
        around_first: whether the other way comes first where both meet.
    """
    around = nn.conv_norm_act(x, width, name=f"{name}_around")
    x = nn.conv_norm_act(x, width, name=f"{name}_reduce")
    if deep:
        x = nn.conv_norm_act(x, width, 3, name=f"{name}_before1")
        x = nn.conv_norm_act(x, width, name=f"{name}_before2")
    parts = [x]
    for index in range(1, 4):
        parts.append(nn.max_pool(parts[-1], 5, 1, "same", name=f"{name}_pool{index}"))
    x = nn.concat(parts if deep else parts[::-1], name=f"{name}_pools")
    x = nn.conv_norm_act(x, width, name=f"{name}_through")
    x = nn.conv_norm_act(x, width, 3, name=f"{name}_after") if deep else x
    x = nn.concat([around, x] if around_first else [x, around], name=f"{name}_concat")
    return nn.conv_norm_act(x, filters, name=f"{name}_merge")


def scaled(filters: int, width: float, most: int | None = None, divisor: int = 8) -> int:
    """Filters of a smaller or larger model: `width` times as many, rounded up to a multiple."""
    filters = min(filters, most) if most else filters
    return math.ceil(filters * width / divisor) * divisor
