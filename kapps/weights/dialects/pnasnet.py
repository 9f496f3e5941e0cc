"""PNASNet as timm names it."""

from kapps.weights.dialects._dialect import Dialect


def _rows():
    yield r"conv_0\.conv", "stem_conv"
    yield r"conv_0\.bn", "stem_norm"
    for cell, ours in ((r"cell_stem_(\d)", "{0:block}"), (r"cell_(\d+)", "{0:block+2}")):
        yield rf"{cell}\.conv_1x1\.conv", f"{ours}_current_conv"
        yield rf"{cell}\.conv_1x1\.bn", f"{ours}_current_norm"
        yield rf"{cell}\.conv_prev_1x1\.conv", f"{ours}_previous_conv"
        yield rf"{cell}\.conv_prev_1x1\.path_1\.conv", f"{ours}_previous_even_conv"
        yield rf"{cell}\.conv_prev_1x1\.path_2\.conv", f"{ours}_previous_odd_conv"
        yield rf"{cell}\.conv_prev_1x1\.(?:bn|final_path_bn)", f"{ours}_previous_norm"
        theirs, pair = rf"{cell}\.comb_iter_(\d)_(left|right)", f"{ours}_pair{{1:+1}}_{{2}}"
        yield rf"{theirs}\.conv", f"{pair}_conv"
        yield rf"{theirs}\.bn", f"{pair}_norm"
        yield rf"{theirs}\.bn_sep_(\d)", f"{pair}_{{3}}_norm"
        for half in ("depthwise", "pointwise"):
            yield rf"{theirs}\.separable_(\d)\.{half}_conv2d", f"{pair}_{{3}}_{half}_conv"
    yield r"last_linear", "predictions"


TIMM = Dialect("timm", "torch", rows=tuple(_rows()))

DIALECTS = (TIMM,)
