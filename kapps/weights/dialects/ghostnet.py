"""GhostNet as timm names it."""

from kapps.weights.dialects._dialect import Dialect

PARTS = (  # of a block
    (r"ghost1\.primary_conv\.0", "expand_primary_conv"),
    (r"ghost1\.primary_conv\.1", "expand_primary_norm"),
    (r"ghost1\.cheap_operation\.0", "expand_cheap_conv"),
    (r"ghost1\.cheap_operation\.1", "expand_cheap_norm"),
    (r"ghost1\.short_conv\.0", "attention_conv"),
    (r"ghost1\.short_conv\.1", "attention_norm"),
    (r"ghost1\.short_conv\.2", "attention_row_conv"),
    (r"ghost1\.short_conv\.3", "attention_row_norm"),
    (r"ghost1\.short_conv\.4", "attention_column_conv"),
    (r"ghost1\.short_conv\.5", "attention_column_norm"),
    (r"conv_dw", "depthwise_conv"),
    (r"bn_dw", "depthwise_norm"),
    (r"se\.conv_reduce", "se_reduce_conv"),
    (r"se\.conv_expand", "se_expand_conv"),
    (r"ghost2\.primary_conv\.0", "project_primary_conv"),
    (r"ghost2\.primary_conv\.1", "project_primary_norm"),
    (r"ghost2\.cheap_operation\.0", "project_cheap_conv"),
    (r"ghost2\.cheap_operation\.1", "project_cheap_norm"),
    (r"shortcut\.0", "shortcut_depthwise_conv"),
    (r"shortcut\.1", "shortcut_depthwise_norm"),
    (r"shortcut\.2", "shortcut_project_conv"),
    (r"shortcut\.3", "shortcut_project_norm"),
)
# timm has the block that strides in a group of its own, 2n - 3 for stage n, before the others.
BLOCKS = (
    (r"blocks\.0\.0", "stage1_block1"),
    *((rf"blocks\.{2 * stage - 3}\.0", f"stage{stage}_block1") for stage in range(2, 6)),
    *((rf"blocks\.{2 * stage - 2}\.(\d)", f"stage{stage}_block{{0:+2}}") for stage in range(2, 6)),
)

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"conv_stem", "stem_conv"),
        (r"bn1", "stem_norm"),
        *(
            (rf"{block}\.{part}", f"{our_block}_{our_part}")
            for block, our_block in BLOCKS
            for part, our_part in PARTS
        ),
        (r"blocks\.9\.0\.conv", "head_conv"),
        (r"blocks\.9\.0\.bn1", "head_norm"),
        (r"conv_head", "head_dense"),
        (r"classifier", "predictions"),
    ),
)

DIALECTS = (TIMM,)
