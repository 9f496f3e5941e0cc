"""MobileOne as timm names it while it has its branches."""

from kapps.weights.dialects._dialect import Dialect

PARTS = (  # of a depthwise or of a pointwise half of a block
    (r"conv_kxk\.(\d)\.conv", "{branch:+1}_conv"),
    (r"conv_kxk\.(\d)\.bn", "{branch:+1}_norm"),
    (r"conv_scale\.conv", "scale_conv"),
    (r"conv_scale\.bn", "scale_norm"),
    (r"identity", "identity_norm"),
    (r"attn\.fc1", "se_reduce_conv"),
    (r"attn\.fc2", "se_expand_conv"),
)


def _rows(block, ours, groups):
    """The parts of a block whose own pattern has so many groups."""
    return tuple(
        (rf"{block}\.{part}", f"{ours}_{name.replace('branch', str(groups))}")
        for part, name in PARTS
    )


# timm counts both halves of a block: block n is 2n - 2 and 2n - 1.
HALVES = tuple(
    row
    for block in range(1, 11)
    for half, offset in (("depthwise", 2), ("pointwise", 1))
    for row in _rows(
        rf"stages\.(\d)\.{2 * block - offset}", f"stage{{0:+1}}_block{block}_{half}", 1
    )
)

TIMM = Dialect(
    "timm",
    "torch",
    rows=(*_rows("stem", "stem", 0), *HALVES, (r"head\.fc", "predictions")),
)

DIALECTS = (TIMM,)
