"""RT-DETR as transformers names it: in its files, and as its newer versions say in memory."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import DEFORMABLE, decoder_rows

PARTS = (("convolution", "conv"), ("normalization", "norm"))
SHORT = (("conv", "conv"), ("norm", "norm"))
PLACED = (("0", "conv"), ("1", "norm"))  # in a row of layers
BODY = r"model\.backbone\.(?:conv_encoder\.)?model"


def _both(theirs: str, ours: str, parts=SHORT) -> tuple[tuple[str, str], ...]:
    """Rows for a convolution and its normalisation."""
    return tuple((rf"{theirs}\.{part}", f"{ours}_{name}") for part, name in parts)


def _fusion(theirs: str, ours: str) -> tuple[tuple[str, str], ...]:
    """Rows for a block between maps."""
    return (
        *_both(rf"{theirs}\.conv1", f"{ours}_main"),
        *_both(rf"{theirs}\.conv2", f"{ours}_shortcut"),
        *_both(rf"{theirs}\.conv3", f"{ours}_merge"),
        *_both(rf"{theirs}\.bottlenecks\.(\d)\.conv1", f"{ours}_block{{0:+1}}_1"),
        *_both(rf"{theirs}\.bottlenecks\.(\d)\.conv2", f"{ours}_block{{0:+1}}_scale"),
    )


def _neck() -> tuple[tuple[str, str], ...]:
    """Rows for the maps on their way down, from level 5, and up, from level 3."""
    return tuple(
        row
        for i in (0, 1)
        for row in (
            *_both(rf"model\.encoder\.lateral_convs\.{i}", f"neck_reduce{5 - i}"),
            *_fusion(rf"model\.encoder\.fpn_blocks\.{i}", f"neck_top_down{4 - i}"),
            *_both(rf"model\.encoder\.downsample_convs\.{i}", f"neck_down{4 + i}"),
            *_fusion(rf"model\.encoder\.pan_blocks\.{i}", f"neck_bottom_up{4 + i}"),
        )
    )


TRANSFORMERS = Dialect(
    "transformers",
    "torch",
    rows=(
        *_both(rf"{BODY}\.embedder\.embedder\.0", "stem", PARTS),
        *_both(rf"{BODY}\.embedder\.embedder\.([12])", "stem_{0:+1}", PARTS),
        *_both(
            rf"{BODY}\.encoder\.stages\.(\d)\.layers\.(\d+)\.layer\.(\d)",
            "stage{0:+1}_block{1:+1}_{2:+1}",
            PARTS,
        ),
        *_both(
            rf"{BODY}\.encoder\.stages\.(\d)\.layers\.(\d+)\.shortcut(?:\.1)?",
            "stage{0:+1}_block{1:+1}_shortcut",
            PARTS,
        ),
        *_both(r"model\.encoder_input_proj\.(\d)", "neck_input{0:+3}", PLACED),
        *decoder_rows(r"model\.encoder\.(?:encoder|aifi)\.0\.layers\.(\d)", "neck", "attention"),
        *_neck(),
        *_both(r"model\.decoder_input_proj\.(\d)", "head_input{0:+3}", PLACED),
        (r"model\.enc_output\.0", "head_select_dense"),
        (r"model\.enc_output\.1", "head_select_norm"),
        (r"model\.enc_score_head", "head_select_predictions"),
        (r"model\.enc_bbox_head\.layers\.(\d)", "head_select_box_{0:+1}"),
        (r"model\.decoder\.query_pos_head\.layers\.(\d)", "head_position_{0:+1}"),
        *(
            (
                rf"model\.decoder\.layers\.(\d)\.encoder_attn\.{theirs}",
                f"head_block{{0:+1}}_cross_{ours}",
            )
            for theirs, ours in DEFORMABLE
        ),
        *decoder_rows(r"model\.decoder\.layers\.(\d)", "head", "self"),
        (r"(?:model\.decoder\.)?class_embed\.(\d)", "head_block{0:+1}_class_predictions"),
        (r"(?:model\.decoder\.)?bbox_embed\.(\d)\.layers\.(\d)", "head_block{0:+1}_box_{1:+1}"),
    ),
    # Of the denoising queries, which only train; and what is computed.
    ignore=(r"model\.denoising_class_embed\.weight", r"model\.(?:anchors|valid_mask)"),
)

DIALECTS = (TRANSFORMERS,)
