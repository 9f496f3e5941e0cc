"""YOLOX as Megvii's code names it; its images are blue first."""

import numpy as np

from kapps.weights.dialects._dialect import Dialect

NECK = {
    "lateral_conv0": "neck_reduce5",
    "C3_p4": "neck_top_down4",
    "reduce_conv1": "neck_reduce4",
    "C3_p3": "neck_top_down3",
    "bu_conv2": "neck_down4",
    "C3_n3": "neck_bottom_up4",
    "bu_conv1": "neck_down5",
    "C3_n4": "neck_bottom_up5",
}
STAGES = {rf"dark{n}\.{2 if n == 5 else 1}": f"stage{n - 1}" for n in range(2, 6)}
# A convolution is one, or depthwise and then 1x1.
UNITS = (
    (r"\.conv", "_conv"),
    (r"\.bn", "_norm"),
    (r"\.dconv\.conv", "_depthwise_conv"),
    (r"\.dconv\.bn", "_depthwise_norm"),
    (r"\.pconv\.conv", "_conv"),
    (r"\.pconv\.bn", "_norm"),
)


def _rows():
    body, neck = r"backbone\.backbone\.", r"backbone\."
    blocks = {body + theirs: ours for theirs, ours in STAGES.items()}
    blocks |= {neck + theirs: ours for theirs, ours in NECK.items() if theirs.startswith("C3")}
    yield body + r"stem\.conv", "stem"
    yield body + r"dark(\d)\.0", "stage{0:-1}_downsample"
    yield body + r"dark5\.1\.conv1", "stage4_pyramid_reduce"
    yield body + r"dark5\.1\.conv2", "stage4_pyramid_merge"
    for theirs, ours in blocks.items():
        for number, part in enumerate(("through", "around", "merge"), 1):
            yield rf"{theirs}\.conv{number}", f"{ours}_{part}"
        yield rf"{theirs}\.m\.(\d+)\.conv(\d)", f"{ours}_block{{0:+1}}_{{1}}"
    for theirs, ours in NECK.items():
        yield neck + theirs, ours
    yield r"head\.stems\.(\d)", "head_level{0:+3}_reduce"
    yield r"head\.cls_convs\.(\d)\.(\d)", "head_class{0:+3}_block{1:+1}"
    yield r"head\.reg_convs\.(\d)\.(\d)", "head_box{0:+3}_block{1:+1}"


def _red_first(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The first kernel, which sees four pixels of three channels each."""
    name = "backbone.backbone.stem.conv.conv.weight"
    if name in arrays:
        kernel = arrays[name]
        turned = kernel.reshape(len(kernel), 4, 3, *kernel.shape[2:])[:, :, ::-1]
        arrays = {**arrays, name: turned.reshape(kernel.shape)}
    return arrays


MEGVII = Dialect(
    "megvii",
    "torch",
    rows=(
        *((theirs + end, ours + suffix) for theirs, ours in _rows() for end, suffix in UNITS),
        (r"head\.cls_preds\.(\d)", "head_class{0:+3}_predictions"),
        (r"head\.reg_preds\.(\d)", "head_box{0:+3}_regression"),
        (r"head\.obj_preds\.(\d)", "head_box{0:+3}_objectness"),
    ),
    prepare=_red_first,
)

DIALECTS = (MEGVII,)
