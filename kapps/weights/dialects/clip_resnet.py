"""CLIP's convolutional image towers as timm names them."""

from kapps.weights.dialects._dialect import Dialect

BLOCK, OURS = r"stages\.(\d+)\.(\d+)\.", "stage{0:+1}_block{1:+1}_"

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"stem\.conv1\.conv", "stem_conv"),
        (r"stem\.conv1\.bn", "stem_norm"),
        (r"stem\.conv([23])\.conv", "stem_{0}_conv"),
        (r"stem\.conv([23])\.bn", "stem_{0}_norm"),
        (BLOCK + r"conv(\d)_\w+\.conv", OURS + "{2}_conv"),
        (BLOCK + r"conv(\d)_\w+\.bn", OURS + "{2}_norm"),
        (BLOCK + r"shortcut\.conv\.conv", OURS + "shortcut_conv"),
        (BLOCK + r"shortcut\.conv\.bn", OURS + "shortcut_norm"),
        (r"head\.pos_embed", "head_position_embedding/embedding", lambda array, _: array[None]),
        (r"head\.q", "head_pool_query"),
        (r"head\.k", "head_pool_key"),
        (r"head\.v", "head_pool_value"),
        (r"head\.proj", "predictions"),
    ),
)

DIALECTS = (TIMM,)
