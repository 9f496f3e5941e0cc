"""RegNet: Designing Network Design Spaces (Radosavovic et al., 2020, arXiv:2003.13678).

RegNetY squeezes and excites, RegNetX does not; the number in a name is that of multiply-adds, in
hundreds of millions.
"""

import math

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, make_divisible

# A model is five numbers: depth, w_0, w_a, w_m and the width of a group; figures 15 and 16.
X = {
    "002": (13, 24, 36.44, 2.49, 8),
    "004": (22, 24, 24.48, 2.54, 16),
    "006": (16, 48, 36.97, 2.24, 24),
    "008": (16, 56, 35.73, 2.28, 16),
    "016": (18, 80, 34.01, 2.25, 24),
    "032": (25, 88, 26.31, 2.25, 48),
    "040": (23, 96, 38.65, 2.43, 40),
    "064": (17, 184, 60.83, 2.07, 56),
    "080": (23, 80, 49.56, 2.88, 120),
    "120": (19, 168, 73.36, 2.37, 112),
    "160": (22, 216, 55.59, 2.1, 128),
    "320": (23, 320, 69.86, 2.0, 168),
}
Y = {
    "002": (13, 24, 36.44, 2.49, 8),
    "004": (16, 48, 27.89, 2.09, 8),
    "006": (15, 48, 32.54, 2.32, 16),
    "008": (14, 56, 38.84, 2.4, 16),
    "016": (27, 48, 20.71, 2.65, 24),
    "032": (21, 80, 42.63, 2.66, 24),
    "040": (22, 96, 31.41, 2.24, 64),
    "064": (25, 112, 33.22, 2.27, 72),
    "080": (17, 192, 76.82, 2.19, 56),
    "120": (19, 168, 73.36, 2.37, 112),
    "160": (18, 200, 106.23, 2.48, 112),
    "320": (20, 232, 115.89, 2.53, 232),
}
TORCHVISION = {  # its names of those that it has
    "004": "400mf",
    "008": "800mf",
    "016": "1_6gf",
    "032": "3_2gf",
    "080": "8gf",
    "160": "16gf",
    "320": "32gf",
}
# Torchvision rounds to multiples of a group as MobileNet does, which is another network for these.
ROUNDED = ("RegNetX004", "RegNetY008", "RegNetY080")
FLAVORS = {
    "torch": Flavor(
        "torch",
        padding="symmetric",
        norm_epsilon=1e-5,
        norm_momentum=0.9,
        interpolation="bicubic",
    )
}


def quantised_linear_stages(
    depth: int, w_0: int, w_a: float, w_m: float, group_width: int, mobile_rounding: bool
) -> list[tuple[int, int, int]]:
    """(blocks, filters, groups) of each stage: section 3.3, equations 2 to 4.

    The width of a block grows linearly, is rounded to a power of `w_m` times `w_0`, then to a
    multiple of 8; blocks of one width are a stage. Its groups must divide it, so it is rounded to
    their nearest multiple, a half to the even one; `mobile_rounding` is MobileNet's rule instead.
    """
    widths = []
    for block in range(depth):
        exponent = round(math.log((w_0 + w_a * block) / w_0, w_m))
        widths.append(8 * round(w_0 * w_m**exponent / 8))
    stages = []
    for width in sorted(set(widths)):
        group = min(group_width, width)
        filters = make_divisible(width, group) if mobile_rounding else group * round(width / group)
        stages.append((widths.count(width), filters, filters // group))
    return stages


def block(x, nn: Blocks, filters: int, strides: int, groups: int, se_ratio: float, *, name: str):
    """ResNeXt's bottleneck, here as wide inside as outside: figure 4.

    The squeeze of RegNetY is a share of the block's input, not of what it excites.
    """
    shortcut, channels = x, nn.channels(x)
    x = nn.conv_norm_act(x, filters, name=f"{name}_1")
    x = nn.conv_norm_act(x, filters, 3, strides, groups=groups, name=f"{name}_2")
    if se_ratio:
        x = nn.squeeze_excite(x, round(channels * se_ratio), name=f"{name}_se")
    x = nn.conv_norm_act(x, filters, activation=False, name=f"{name}_3")
    if strides > 1 or channels != filters:
        shortcut = nn.conv_norm_act(
            shortcut, filters, 1, strides, activation=False, name=f"{name}_shortcut"
        )
    return nn.act(nn.residual(shortcut, x, name=name), name=f"{name}_act")


def backbone(x, nn: Blocks, *, parameters: tuple, se_ratio: float, mobile_rounding: bool = False):
    x = nn.conv_norm_act(x, 32, 3, strides=2, name="stem")
    stages = quantised_linear_stages(*parameters, mobile_rounding)
    for stage, (blocks, filters, groups) in enumerate(stages, 1):
        for index in range(1, blocks + 1):
            strides, name = 2 if index == 1 else 1, f"stage{stage}_block{index}"
            x = block(x, nn, filters, strides, groups, se_ratio, name=name)
    return x


def _application(kind: str, size: str, parameters: tuple) -> Application:
    name, letter = f"RegNet{kind}{size}", kind.lower()
    rounding = {"mobile_rounding": True} if name in ROUNDED else {}
    references = [reference(f"timm/regnet{letter}_{size}", "torch")]
    if size in TORCHVISION:
        torchvision = f"torchvision/regnet_{letter}_{TORCHVISION[size]}"
        references.append(reference(torchvision, "torch", **rounding))
    if rounding:
        references.append(reference(f"timm/regnet{letter}_{size}_tv", "torch", **rounding))
    return Application(
        name,
        backbone,
        size=224,
        flavors=FLAVORS,
        blocks={"kernel_initializer": "he_normal_fan_out"},
        config={"parameters": parameters, "se_ratio": 0.25 if kind == "Y" else 0.0},
        arguments={"mobile_rounding": False} if rounding else {},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=tuple(references),
    )


RegNetX002 = _application("X", "002", X["002"])
RegNetX004 = _application("X", "004", X["004"])
RegNetX006 = _application("X", "006", X["006"])
RegNetX008 = _application("X", "008", X["008"])
RegNetX016 = _application("X", "016", X["016"])
RegNetX032 = _application("X", "032", X["032"])
RegNetX040 = _application("X", "040", X["040"])
RegNetX064 = _application("X", "064", X["064"])
RegNetX080 = _application("X", "080", X["080"])
RegNetX120 = _application("X", "120", X["120"])
RegNetX160 = _application("X", "160", X["160"])
RegNetX320 = _application("X", "320", X["320"])
RegNetY002 = _application("Y", "002", Y["002"])
RegNetY004 = _application("Y", "004", Y["004"])
RegNetY006 = _application("Y", "006", Y["006"])
RegNetY008 = _application("Y", "008", Y["008"])
RegNetY016 = _application("Y", "016", Y["016"])
RegNetY032 = _application("Y", "032", Y["032"])
RegNetY040 = _application("Y", "040", Y["040"])
RegNetY064 = _application("Y", "064", Y["064"])
RegNetY080 = _application("Y", "080", Y["080"])
RegNetY120 = _application("Y", "120", Y["120"])
RegNetY160 = _application("Y", "160", Y["160"])
RegNetY320 = _application("Y", "320", Y["320"])

__all__ = [
    "RegNetX002",
    "RegNetX004",
    "RegNetX006",
    "RegNetX008",
    "RegNetX016",
    "RegNetX032",
    "RegNetX040",
    "RegNetX064",
    "RegNetX080",
    "RegNetX120",
    "RegNetX160",
    "RegNetX320",
    "RegNetY002",
    "RegNetY004",
    "RegNetY006",
    "RegNetY008",
    "RegNetY016",
    "RegNetY032",
    "RegNetY040",
    "RegNetY064",
    "RegNetY080",
    "RegNetY120",
    "RegNetY160",
    "RegNetY320",
    "decode_predictions",
    "preprocess_input",
]
