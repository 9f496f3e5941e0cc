"""YOLOv7 as its authors number it: modules count as in the configuration, of each variant its own.

Files of what was trained and of what is deployed load: in the former the numbers that a prediction
is added and multiplied by stand apart.
"""

from collections.abc import Iterator

import numpy as np

from kapps.errors import WeightsError
from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._ultralytics import units

VARIANTS = {  # focus, stem, halvings of the stages, of the neck, convolutions of a block, levels
    "yolov7": (False, 3, ("conv", "both", "both", "both"), "both", 4, (3, 4, 5)),
    "yolov7x": (False, 3, ("conv", "both", "both", "both"), "both", 6, (3, 4, 5)),
    "yolov7-tiny": (False, 1, ("conv", "pool", "pool", "pool"), "conv", 2, (3, 4, 5)),
    "yolov7-w6": (True, 1, 5 * ("conv",), "conv", 4, (3, 4, 5, 6)),
}
HALVED = {  # the modules that halve; "" has no weights
    "conv": ("strided",),
    "pool": ("",),
    "both": ("", "pooled", "reduce", "strided", ""),
}
PYRAMID = {  # our names of what one module holds
    **{1: "reduce", 2: "around", 3: "before1", 4: "before2"},
    **{5: "through", 6: "after", 7: "merge"},
}
SPREAD = ("around", "reduce", "", "", "", "", "through", "", "merge")  # and of YOLOv7-tiny's
BRANCHES = (  # of a convolution that trains as a sum
    *((r"\.rbr_dense\.0", "_1_conv"), (r"\.rbr_dense\.1", "_1_norm")),
    *((r"\.rbr_1x1\.0", "_scale_conv"), (r"\.rbr_1x1\.1", "_scale_norm")),
)
ANCHORS = {  # the published ones, finest first; `kapps.detection.anchors` has them as boxes
    (12, 16, 19, 36, 40, 28, 36, 75, 76, 55, 72, 146, 142, 110, 192, 243, 459, 401),
    (10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326),
    (19, 27, 44, 40, 38, 94, 96, 68, 86, 152, 180, 137)
    + (140, 301, 303, 264, 238, 542, 436, 615, 739, 380, 925, 792),
}


def _modules(focus, stem, stages, halved, depth, levels, spread) -> Iterator[str]:
    """Our name of each module in turn; "" for what has no weights."""

    def block(name):
        yield from (f"{name}_around", f"{name}_through")
        yield from (f"{name}_{index}" for index in range(1, depth + 1))
        yield from ("", f"{name}_merge")

    def halving(name, how):
        yield from (part and f"{name}_{part}" for part in HALVED[how])

    yield from [""] * focus
    yield from (f"stem_{index}" for index in range(1, stem + 1))
    for stage, how in enumerate(stages, 1):
        yield from halving(f"stage{stage}_down", how)
        yield from block(f"stage{stage}")
    pyramid = SPREAD if spread else ("*",)
    yield from (part and f"neck_pyramid_{part}" for part in pyramid)
    for level in levels[-2::-1]:
        yield from (f"neck_reduce{level + 1}", "", f"neck_lateral{level}", "")
        yield from block(f"neck_top_down{level}")
    for level in levels[1:]:
        yield from halving(f"neck_down{level}", halved)
        yield from () if halved == "both" else ("",)  # its two ways and the map meet in one module
        yield from block(f"neck_bottom_up{level}")
    yield from (f"head_level{level}" for level in levels)


def _dialect(name: str) -> Dialect:
    modules = list(_modules(*VARIANTS[name], spread=name == "yolov7-tiny"))
    rows = []
    for number, layer in enumerate(modules):
        if layer == "neck_pyramid_*":
            parts = [(rf"model\.{number}\.cv{i}", layer[:-1] + ours) for i, ours in PYRAMID.items()]
            rows += units(*parts)
        elif layer.startswith("head") and name == "yolov7":
            rows += [(rf"model\.{number}{theirs}", layer + ours) for theirs, ours in BRANCHES]
        elif layer:
            rows += units((rf"model\.{number}", layer))
    head = rf"model\.{len(modules)}"
    return Dialect(
        name,
        "torch",
        rows=(*rows, (rf"{head}\.m\.(\d)", "head_level{0:+3}_predictions")),
        ignore=(rf"{head}\.anchors", rf"{head}\.anchor_grid", rf"{head}\.i[am]\.\d\.implicit"),
        prepare=_merged,
        check=_published_anchors,
    )


def _merged(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """im * (W (x + ia) + b) as one weight and one bias."""
    arrays = dict(arrays)
    for name in [name for name in arrays if name.endswith(".implicit") and ".ia." in name]:
        added, factor = arrays.pop(name), arrays.pop(name.replace(".ia.", ".im."))
        module = name.replace(".ia.", ".m.").removesuffix("implicit")
        weight, bias = arrays[module + "weight"], arrays[module + "bias"]
        factor = factor.reshape(-1)
        arrays[module + "bias"] = factor * (bias + weight[:, :, 0, 0] @ added.reshape(-1))
        arrays[module + "weight"] = weight * factor[:, None, None, None]
    return arrays


def _published_anchors(arrays, _normalization) -> None:
    """Refuse files that were trained with anchors of their own, whose boxes would be wrong."""
    for name, array in arrays.items():
        if name.endswith(".anchor_grid"):
            found = tuple(np.round(array.astype("float64").ravel(), 2).tolist())
            if found not in ANCHORS:
                raise WeightsError(
                    f"{name} is {found[:4]}..., anchors that its training chose itself; only the "
                    "published ones are here: train with --noautoanchor"
                )


DIALECTS = tuple(map(_dialect, VARIANTS))
