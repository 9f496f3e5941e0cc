"""RepVGG as timm names it while it has its branches."""

from kapps.weights.dialects._dialect import Dialect

PARTS = (  # of a block
    (r"conv_kxk\.conv", "1_conv"),
    (r"conv_kxk\.bn", "1_norm"),
    (r"conv_1x1\.conv", "scale_conv"),
    (r"conv_1x1\.bn", "scale_norm"),
    (r"identity", "identity_norm"),
    (r"attn\.fc1", "se_reduce_conv"),
    (r"attn\.fc2", "se_expand_conv"),
)

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        *((rf"stem\.{part}", f"stem_{ours}") for part, ours in PARTS),
        *(
            (rf"stages\.(\d)\.(\d+)\.{part}", f"stage{{0:+1}}_block{{1:+1}}_{ours}")
            for part, ours in PARTS
        ),
        (r"head\.fc", "predictions"),
    ),
)

DIALECTS = (TIMM,)
