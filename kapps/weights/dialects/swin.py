"""Swin as timm and torchvision name it."""

from kapps.weights.dialects._dialect import Dialect

BLOCK, OURS = r"layers\.(\d+)\.blocks\.(\d+)\.", "stage{0:+1}_block{1:+1}_"

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"patch_embed\.proj", "stem_conv"),
        (r"patch_embed\.norm", "stem_norm"),
        (r"layers\.(\d+)\.downsample\.norm", "stage{0:+1}_downsample_norm"),
        (r"layers\.(\d+)\.downsample\.reduction", "stage{0:+1}_downsample_project"),
        (BLOCK + r"norm1", OURS + "attention_norm"),
        (BLOCK + r"attn\.qkv", OURS + "attention_qkv"),
        (BLOCK + r"attn\.relative_position_bias_table", OURS + "attention/table"),
        (BLOCK + r"attn\.proj", OURS + "attention_project"),
        (BLOCK + r"norm2", OURS + "mlp_norm"),
        (BLOCK + r"mlp\.fc1", OURS + "mlp_expand"),
        (BLOCK + r"mlp\.fc2", OURS + "mlp_project"),
        (r"norm", "head_norm"),
        (r"head\.fc", "predictions"),
    ),
    # Constants that older files carry.
    ignore=(r".*\.relative_position_index", r".*\.attn_mask"),
)


def _halved(module: str) -> str:
    """A template for torchvision, which counts stages and the merging between them as one row."""
    return "stage{0:half}_" + module


DIALECTS = (TIMM,)
