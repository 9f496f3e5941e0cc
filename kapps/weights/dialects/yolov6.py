"""YOLOv6 as Meituan's code names it: N and S, and M and L, whose stages are other blocks."""

import numpy as np

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._ultralytics import units

BRANCHES = (  # of a block that trains as a sum, or has one convolution
    *((r"\.rbr_dense\.conv", "_1_conv"), (r"\.rbr_dense\.bn", "_1_norm")),
    *((r"\.rbr_1x1\.conv", "_scale_conv"), (r"\.rbr_1x1\.bn", "_scale_norm")),
    (r"\.rbr_identity", "_identity_norm"),
    *((r"\.block\.conv", "_conv"), (r"\.block\.bn", "_norm")),
)
STAGES = {
    **{rf"backbone\.ERBlock_{n}\.1": f"stage{n - 1}" for n in range(2, 6)},
    **{rf"neck\.Rep_p{level}": f"neck_top_down{level}" for level in (4, 3)},
    **{rf"neck\.Rep_n{level - 1}": f"neck_bottom_up{level}" for level in (4, 5)},
}
CONVOLUTIONS = (
    *((rf"neck\.reduce_layer{i}", f"neck_reduce{5 - i}") for i in (0, 1)),
    *((rf"neck\.downsample{6 - level}", f"neck_down{level}") for level in (4, 5)),
    *(
        (rf"neck\.Bifusion{i}\.{theirs}", f"neck_fuse{4 - i}_{ours}")
        for i in (0, 1)
        for theirs, ours in (
            *((r"cv1", "middle"), (r"cv2", "fine"), (r"cv3", "merge")),
            (r"downsample", "downsample"),
        )
    ),
    (r"detect\.stems\.(\d)", "head_level{0:+3}"),
    (r"detect\.cls_convs\.(\d)", "head_class{0:+3}"),
    (r"detect\.reg_convs\.(\d)", "head_box{0:+3}"),
)
PYRAMIDS = {  # cv1, cv2, ...
    "small": ("reduce", "around", "before1", "before2", "through", "after", "merge"),
    "large": ("reduce", "merge"),
}


def _blocks(theirs: str, ours: str):
    return ((theirs + end, ours + suffix) for end, suffix in BRANCHES)


def _small(theirs: str, ours: str):
    """Blocks one after the other."""
    yield from _blocks(rf"{theirs}\.conv1", f"{ours}_block1")
    yield from _blocks(rf"{theirs}\.block\.(\d+)", f"{ours}_block{{0:+2}}")


def _large(theirs: str, ours: str):
    """Two ways, on one of them pairs of blocks."""
    ways = enumerate(("through", "around", "merge"), 1)
    yield from units(*((rf"{theirs}\.cv{i}", f"{ours}_{way}") for i, way in ways))
    for step in (1, 2):
        yield from _blocks(rf"{theirs}\.m\.conv1\.conv{step}", f"{ours}_block1_{step}")
        yield from _blocks(
            rf"{theirs}\.m\.block\.(\d+)\.conv{step}", f"{ours}_block{{0:+2}}_{step}"
        )
    yield (rf"{theirs}\.m\.conv1\.alpha", f"{ours}_block1_scale/gamma")
    yield (rf"{theirs}\.m\.block\.(\d+)\.alpha", f"{ours}_block{{0:+2}}_scale/gamma")


def _only_what_predicts(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of N and S that had a teacher the distances themselves, and not the distributions."""
    own = "reg_preds_lrtb"
    if not any(own in name for name in arrays):
        return arrays
    kept = {name: array for name, array in arrays.items() if "detect.reg_preds." not in name}
    return {name.replace(own, "reg_preds"): array for name, array in kept.items()}


def _dialect(size: str, stage) -> Dialect:
    pyramid = enumerate(PYRAMIDS[size], 1)
    return Dialect(
        f"meituan, {size}",
        "torch",
        rows=(
            *_blocks(r"backbone\.stem", "stem"),
            *_blocks(r"backbone\.ERBlock_(\d)\.0", "stage{0:-1}_downsample"),
            *(row for theirs, ours in STAGES.items() for row in stage(theirs, ours)),
            *units(
                *(
                    (rf"backbone\.ERBlock_5\.2\.cv{i}", f"stage4_pyramid_{ours}")
                    for i, ours in pyramid
                )
            ),
            *units(*CONVOLUTIONS),
            *(
                (rf"neck\.Bifusion{i}\.upsample\.upsample_transpose", f"neck_fuse{4 - i}_upsample")
                for i in (0, 1)
            ),
            (r"detect\.cls_preds(?:_af)?\.(\d)", "head_class{0:+3}_predictions"),
            (r"detect\.reg_preds(?:_af|_lrtb)?\.(\d)", "head_box{0:+3}_regression"),
        ),
        # 0, 1, ..., which `Distances` counts itself; predictions by anchors and for a teacher.
        ignore=(r"detect\.proj(_conv\.weight)?", r"detect\.(cls|reg)_preds_(ab|dist)\..*"),
        prepare=_only_what_predicts,
    )


DIALECTS = (_dialect("small", _small), _dialect("large", _large))
