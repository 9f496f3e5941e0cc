"""NASNet as Keras and timm name it."""

import re

from kapps.weights.dialects._dialect import Dialect

CELL = re.compile(r"(.+?)_(stem_\d|reduce_\d+|\d+)")
PAIRS = (  # Keras's operation as groups 1 and 2, and ours; its reduction's "left4" is in the fifth
    (r"normal_(left|right)(\d)", "pair{2}_{1}"),
    (r"reduction_(left)(4)", "pair5_left"),
    (r"reduction_(left|right)(\d)", "pair{2}_{1}"),
)


def _count_cells(arrays):
    """Count the cells from zero: in "..._reduce_6" and "..._6" the 6 depends on the network."""

    def position(cell):
        kind, _, number = cell.rpartition("_")
        # stem_1, stem_2, 0 ... 5, reduce_6, 7 ... 12, reduce_12, 13 ... 18
        return {"stem": -3, "reduce": 0.5, "": 0}[kind] + int(number)

    found = {name: match for name in arrays if (match := CELL.fullmatch(name.partition("/")[0]))}
    cells = sorted({match[2] for match in found.values()}, key=position)
    return {
        f"{found[name][1]}_{cells.index(found[name][2])}/{name.partition('/')[2]}"
        if name in found
        else name: array
        for name, array in arrays.items()
    }


def _keras_rows():
    cell = r"_(\w+)"  # what _count_cells turns into a number
    yield r"stem_conv1", "stem_conv"
    yield r"stem_bn1", "stem_norm"
    yield rf"(?:normal|reduction)_conv_1{cell}", "{0:block}_current_conv"
    yield rf"(?:normal|reduction)_bn_1{cell}", "{0:block}_current_norm"
    yield rf"adjust_conv_projection{cell}", "{0:block}_previous_conv"
    yield rf"adjust_conv_1{cell}", "{0:block}_previous_even_conv"
    yield rf"adjust_conv_2{cell}", "{0:block}_previous_odd_conv"
    yield rf"adjust_bn{cell}", "{0:block}_previous_norm"
    for theirs, ours in PAIRS:
        ours = f"{{3:block}}_{ours}_{{0}}"
        yield rf"separable_conv_(\d)_bn_{theirs}{cell}", f"{ours}_norm"
        for half in ("depthwise", "pointwise"):
            kernel = rf"separable_conv_(\d)_{theirs}{cell}/{half}_kernel"
            yield kernel, f"{ours}_{half}_conv/kernel"
    yield r"predictions", "predictions"


def _timm_rows():
    yield r"conv0\.conv", "stem_conv"
    yield r"conv0\.bn", "stem_norm"
    for cell, ours in (
        (r"cell_stem_(\d)", "{0:block}"),
        (r"cell_([0-5])", "{0:block+2}"),
        (r"reduction_cell_(0)", "{0:block+8}"),
        (r"cell_([6-9]|1[01])", "{0:block+3}"),
        (r"reduction_cell_(1)", "{0:block+14}"),
        (r"cell_(1[2-7])", "{0:block+4}"),
    ):
        yield rf"{cell}\.conv_1x1\.conv", f"{ours}_current_conv"
        yield rf"{cell}\.conv_1x1\.bn", f"{ours}_current_norm"
        yield rf"{cell}\.conv_prev_1x1\.conv", f"{ours}_previous_conv"
        yield rf"{cell}\.path_1\.conv", f"{ours}_previous_even_conv"
        yield rf"{cell}\.path_2\.conv", f"{ours}_previous_odd_conv"
        yield rf"{cell}\.(?:conv_prev_1x1\.bn|final_path_bn)", f"{ours}_previous_norm"
        pair, their_pair = (
            f"{ours}_pair{{1:+1}}_{{2}}_{{3}}",
            rf"{cell}\.comb_iter_(\d)_(left|right)",
        )
        yield rf"{their_pair}\.bn_sep_(\d)", f"{pair}_norm"
        for half in ("depthwise", "pointwise"):
            yield rf"{their_pair}\.separable_(\d)\.{half}_conv2d", f"{pair}_{half}_conv"
    yield r"last_linear", "predictions"


KERAS = Dialect("keras", "keras", rows=tuple(_keras_rows()), prepare=_count_cells)
TIMM = Dialect("timm", "torch", rows=tuple(_timm_rows()))  # NASNetLarge alone

DIALECTS = (KERAS, TIMM)
