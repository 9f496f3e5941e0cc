"""SAM with its prompt encoder and decoder as transformers names it."""

import numpy as np

from kapps.weights.dialects._dialect import Dialect

KINDS = ("beside", "on", "first_corner", "second_corner")
ATTENTIONS = (
    ("self_attn", "self"),
    ("cross_attn_token_to_image", "cross"),
    ("cross_attn_image_to_token", "back"),
)
PARTS = (("q_proj", "query"), ("k_proj", "key"), ("v_proj", "value"), ("out_proj", "project"))
NORMS = ("self", "cross", "mlp", "back")
LAYERS = (("proj_in", 1), (r"layers\.0", 2), ("proj_out", 3))
BLOCK = r"mask_decoder\.transformer\.layers\.(\d)"
TOKENS = ("mask_decoder.iou_token.weight", "mask_decoder.mask_tokens.weight")


def _together(arrays):
    """The token of the scores and those of the masks in one table, by the name of the former."""
    if not all(name in arrays for name in TOKENS):
        return arrays
    others = {name: array for name, array in arrays.items() if name not in TOKENS}
    return others | {TOKENS[0]: np.concatenate([arrays[name] for name in TOKENS])}


def _attention(theirs: str, ours: str):
    return tuple((rf"{theirs}\.{part}", f"{ours}_{name}") for part, name in PARTS)


VISION = r"vision_encoder\.layers\.(\d+)"
ENCODER = (
    (r"vision_encoder\.patch_embed\.projection", "stem_conv"),
    (
        r"vision_encoder\.pos_embed",  # as a map there
        "position_embedding/embedding",
        lambda array, _: array.reshape(1, -1, array.shape[-1]),
    ),
    (rf"{VISION}\.layer_norm1", "{0:block}_attention_norm"),
    (rf"{VISION}\.attn\.qkv", "{0:block}_attention_qkv"),
    (rf"{VISION}\.attn\.proj", "{0:block}_attention_project"),
    (rf"{VISION}\.attn\.rel_pos_h", "{0:block}_attention/row_table"),
    (rf"{VISION}\.attn\.rel_pos_w", "{0:block}_attention/column_table"),
    (rf"{VISION}\.layer_norm2", "{0:block}_mlp_norm"),
    (rf"{VISION}\.mlp\.lin1", "{0:block}_mlp_expand"),
    (rf"{VISION}\.mlp\.lin2", "{0:block}_mlp_project"),
    (r"vision_encoder\.neck\.conv(\d)", "neck_{0}_conv"),
    (r"vision_encoder\.neck\.layer_norm(\d)", "neck_{0}_norm"),
)
PROMPTS = (
    (  # one tensor by two names
        r"(?:shared_image_embedding|prompt_encoder\.shared_embedding)\.positional_embedding",
        "head_places/directions",
    ),
    *(
        (rf"prompt_encoder\.point_embed\.{i}\.weight", f"head_prompts/{kind}")
        for i, kind in enumerate(KINDS)
    ),
    (r"prompt_encoder\.not_a_point_embed\.weight", "head_prompts/nothing"),
    (r"prompt_encoder\.no_mask_embed\.weight", "head_mask/none"),
    (r"prompt_encoder\.mask_embed\.conv(\d)", "head_mask_{0}_conv"),
    (r"prompt_encoder\.mask_embed\.layer_norm(\d)", "head_mask_{0}_norm"),
)
DECODER = (
    (r"mask_decoder\.(?:iou_token|mask_tokens)\.weight", "head_tokens/queries"),
    *(
        row
        for theirs, ours in ATTENTIONS
        for row in _attention(rf"{BLOCK}\.{theirs}", f"head_block{{0:+1}}_{ours}")
    ),
    *(
        (rf"{BLOCK}\.layer_norm{i}", f"head_block{{0:+1}}_{part}_norm")
        for i, part in enumerate(NORMS, 1)
    ),
    (rf"{BLOCK}\.mlp\.lin1", "head_block{0:+1}_mlp_expand"),
    (rf"{BLOCK}\.mlp\.lin2", "head_block{0:+1}_mlp_project"),
    *_attention(r"mask_decoder\.transformer\.final_attn_token_to_image", "head_last"),
    (r"mask_decoder\.transformer\.layer_norm_final_attn", "head_last_norm"),
    (r"mask_decoder\.upscale_conv(\d)", "head_up_{0}_conv"),
    (r"mask_decoder\.upscale_layer_norm", "head_up_1_norm"),
    *(
        row
        for theirs, ours in LAYERS
        for row in (
            (
                rf"mask_decoder\.output_hypernetworks_mlps\.(\d)\.{theirs}",
                f"head_vector{{0:+1}}_{ours}",
            ),
            (rf"mask_decoder\.iou_prediction_head\.{theirs}", f"head_score_{ours}"),
        )
    ),
)
ROWS = (*ENCODER, *PROMPTS, *DECODER)

DIALECTS = (Dialect("transformers", "torch", rows=ROWS, prepare=_together),)
