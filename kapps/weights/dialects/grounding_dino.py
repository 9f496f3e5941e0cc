"""Grounding DINO as transformers names it: in files, and as newer versions say in memory."""

import re

import numpy as np

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import DEFORMABLE

BODY = r"model\.backbone\.conv_encoder\.model\.(?:swin\.)?"
STAGE = BODY + r"encoder\.layers\.(\d)\."
BLOCK, OURS = STAGE + r"blocks\.(\d+)\.", "stage{0:+1}_block{1:+1}_"
PARTS = ("query", "key", "value")
QKV = re.compile(BLOCK + r"attention\.(?:self\.)?(query|key|value|[qkv]_proj)\.(weight|bias)")


def _one_product(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Queries, keys and values of the Swin Transformer's blocks, which are apart there, in one."""
    joined, apart = {}, {}
    for name, array in arrays.items():
        if match := QKV.fullmatch(name):
            stage, block, part, leaf = match.groups()
            apart.setdefault((stage, block, leaf), {})[part[0]] = name, array
        else:
            joined[name] = array
    for (stage, block, leaf), found in apart.items():
        if len(found) == len(PARTS):
            rows = [found[part[0]][1] for part in PARTS]
            name = f"model.backbone.conv_encoder.model.encoder.layers.{stage}.blocks.{block}"
            joined[f"{name}.attention.qkv.{leaf}"] = np.concatenate(rows)
        else:  # a damaged file, of which loading says what it lacks
            joined.update(found.values())
    return joined


def _attention(theirs: str, ours: str) -> tuple[tuple[str, str], ...]:
    """Rows for the Dense layers of one attention."""
    return (
        *((rf"{theirs}\.{part}", f"{ours}_{part}") for part in PARTS),
        (rf"{theirs}\.out_proj", f"{ours}_project"),
        (rf"{theirs}_layer_norm", f"{ours}_norm"),
    )


def _deformable(theirs: str, ours: str) -> tuple[tuple[str, str], ...]:
    return (
        *((rf"{theirs}\.{part}", f"{ours}_{name}") for part, name in DEFORMABLE),
        (rf"{theirs}_layer_norm", f"{ours}_norm"),
    )


def _mlp(theirs: str, ours: str, norm: str = "final_layer_norm") -> tuple[tuple[str, str], ...]:
    return (
        (rf"{theirs}\.fc1", f"{ours}_expand"),
        (rf"{theirs}\.fc2", f"{ours}_project"),
        (rf"{theirs}\.{norm}", f"{ours}_norm"),
    )


def _fusion() -> tuple[tuple[str, str], ...]:
    theirs, ours = rf"{ENCODER}fusion_layer\.", "neck_block{0:+1}_fusion_"
    return tuple(
        row
        for part, name in (("vision", "image"), ("text", "text"))
        for row in (
            (rf"{theirs}layer_norm_{part}", f"{ours}{name}_norm"),
            (rf"{theirs}attn\.{part}_proj", f"{ours}{name}_key"),
            (rf"{theirs}attn\.values_{part}_proj", f"{ours}{name}_value"),
            (rf"{theirs}attn\.out_{part}_proj", f"{ours}{name}_project"),
            (rf"{theirs}{part}_param", f"{ours}{name}_scale/gamma"),
        )
    )


ENCODER, DECODER = r"model\.encoder\.layers\.(\d)\.", r"model\.decoder\.layers\.(\d)\."
NECK, HEAD = "neck_block{0:+1}_", "head_block{0:+1}_"
SWIN = (
    (BODY + r"embeddings\.patch_embeddings\.projection", "stem_conv"),
    (BODY + r"embeddings\.norm", "stem_norm"),
    (STAGE + r"downsample\.norm", "stage{0:+2}_downsample_norm"),
    (STAGE + r"downsample\.reduction", "stage{0:+2}_downsample_project"),
    (BLOCK + "layernorm_before", OURS + "attention_norm"),
    (BLOCK + r"attention\.qkv", OURS + "attention_qkv"),
    (BLOCK + r"attention\.(?:self\.)?(query|key|value|[qkv]_proj)", OURS + "attention_{2}"),
    (
        BLOCK + r"attention\.(?:self\.|relative_position_bias\.)?relative_position_bias_table",
        OURS + "attention/table",
    ),
    (BLOCK + r"attention\.(?:output\.dense|o_proj)", OURS + "attention_project"),
    (BLOCK + "layernorm_after", OURS + "mlp_norm"),
    (BLOCK + r"(?:intermediate\.dense|mlp\.fc1)", OURS + "mlp_expand"),
    (BLOCK + r"(?:output\.dense|mlp\.fc2)", OURS + "mlp_project"),
    (BODY + r"hidden_states_norms\.stage(\d)", "neck_norm{0:+1}"),
)
TRANSFORMERS = Dialect(
    "transformers",
    "torch",
    prepare=_one_product,
    rows=(
        *SWIN,
        (r"model\.input_proj_vision\.(\d)\.0", "neck_input{0:+3}_conv"),
        (r"model\.input_proj_vision\.(\d)\.1", "neck_input{0:+3}_norm"),
        (r"model\.text_projection", "neck_text"),
        (r"model\.level_embed", "neck_places/maps"),
        *_fusion(),
        *_attention(rf"{ENCODER}text_enhancer_layer\.self_attn", f"{NECK}text_attention"),
        (rf"{ENCODER}text_enhancer_layer\.layer_norm_before", f"{NECK}text_attention_norm"),
        *_mlp(rf"{ENCODER}text_enhancer_layer", f"{NECK}text_mlp", "layer_norm_after"),
        *_deformable(rf"{ENCODER}deformable_layer\.self_attn", f"{NECK}attention"),
        *_mlp(rf"{ENCODER}deformable_layer", f"{NECK}mlp"),
        (r"model\.enc_output", "head_select_dense"),
        (r"model\.enc_output_norm", "head_select_norm"),
        (r"model\.encoder_output_bbox_embed\.layers\.(\d)", "head_select_box_{0:+1}"),
        (r"model\.query_position_embeddings\.weight", "head_queries/queries"),
        (r"model\.decoder\.reference_points_head\.layers\.(\d)", "head_position_{0:+1}"),
        *_attention(rf"{DECODER}self_attn", f"{HEAD}self"),
        *_attention(rf"{DECODER}encoder_attn_text", f"{HEAD}text"),
        *_deformable(rf"{DECODER}encoder_attn", f"{HEAD}cross"),
        *_mlp(DECODER.removesuffix(r"\."), f"{HEAD}mlp"),
        (r"model\.decoder\.layer_norm", "head_norm"),
        # One box head, which files have once or once for each block.
        (r"(?:model\.decoder\.)?bbox_embed\.\d\.layers\.(\d)", "head_box_{0:+1}"),
    ),
    ignore=(
        # BERT, which `kapps.set_vocabulary` asks; the norm of a classifier; and a constant.
        r"model\.text_backbone\..*",
        BODY + r"layernorm\..*",
        r".*\.relative_position_index",
    ),
)

DIALECTS = (TRANSFORMERS,)
