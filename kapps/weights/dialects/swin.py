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


def _torchvision(stage: int) -> tuple[tuple[str, str], ...]:
    """The rows of a stage: its blocks, and the merging of patches before it."""
    block, ours = rf"features\.{2 * stage - 1}\.(\d+)\.", f"stage{stage}_block{{0:+1}}_"
    merging = rf"features\.{2 * stage - 2}\."
    return (
        (merging + "norm", f"stage{stage}_downsample_norm"),
        (merging + "reduction", f"stage{stage}_downsample_project"),
        (block + "norm1", ours + "attention_norm"),
        (block + r"attn\.qkv", ours + "attention_qkv"),
        (block + r"attn\.relative_position_bias_table", ours + "attention/table"),
        (block + r"attn\.proj", ours + "attention_project"),
        (block + "norm2", ours + "mlp_norm"),
        (block + r"mlp\.0", ours + "mlp_expand"),
        (block + r"mlp\.3", ours + "mlp_project"),
    )


TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        (r"features\.0\.0", "stem_conv"),
        (r"features\.0\.2", "stem_norm"),
        *(row for stage in (1, 2, 3, 4) for row in _torchvision(stage)),
        (r"norm", "head_norm"),
        (r"head", "predictions"),
    ),
    ignore=(r".*\.relative_position_index",),
)

DIALECTS = (TIMM, TORCHVISION)
