"""Names that timm's networks of tokens share."""

import re

TRANSFORMER_BLOCKS = (  # class token, table of places, blocks and head of a plain transformer
    (r"cls_token", "class_token/token"),
    (r"pos_embed", "position_embedding/embedding"),
    (r"patch_embed\.proj", "stem_conv"),
    (r"blocks\.(\d+)\.norm1", "{0:block}_attention_norm"),
    (r"blocks\.(\d+)\.attn\.qkv", "{0:block}_attention_qkv"),
    (r"blocks\.(\d+)\.attn\.proj", "{0:block}_attention_project"),
    (r"blocks\.(\d+)\.norm2", "{0:block}_mlp_norm"),
    (r"blocks\.(\d+)\.mlp\.fc1(?:_x)?", "{0:block}_mlp_expand"),
    (r"blocks\.(\d+)\.mlp\.fc1_g", "{0:block}_mlp_gate"),
    (r"blocks\.(\d+)\.mlp\.norm", "{0:block}_mlp_inner_norm"),
    (r"blocks\.(\d+)\.mlp\.fc2", "{0:block}_mlp_project"),
    (r"norm", "head_norm"),
    (r"head", "predictions"),
)

LAYER_SCALES = (  # in files of timm's VisionTransformer, and of its Eva
    (r"blocks\.(\d+)\.ls1\.gamma", "{0:block}_attention_scale/gamma"),
    (r"blocks\.(\d+)\.ls2\.gamma", "{0:block}_mlp_scale/gamma"),
    (r"blocks\.(\d+)\.gamma_1", "{0:block}_attention_scale/gamma"),
    (r"blocks\.(\d+)\.gamma_2", "{0:block}_mlp_scale/gamma"),
)

QUERY_VALUE_BIASES = (
    (r"blocks\.(\d+)\.attn\.q_bias", "{0:block}_attention_qkv_bias/query_bias"),
    (r"blocks\.(\d+)\.attn\.v_bias", "{0:block}_attention_qkv_bias/value_bias"),
)


DEFORMABLE = (  # of an attention to points of maps, as the library transformers calls its parts
    ("sampling_offsets", "steps"),
    ("attention_weights", "weights"),
    ("value_proj", "value"),
    ("output_proj", "project"),
)


def split_gates(arrays):
    """The gates of SwiGLU, which some files keep in one tensor with what they multiply."""
    split = {}
    for name, array in arrays.items():
        packed = re.fullmatch(r"(blocks\.\d+\.mlp\.fc)1\.(weight|bias)", name)
        narrow = packed and arrays[f"{packed[1]}2.weight"].shape[1]
        if packed and array.shape[0] == 2 * narrow:
            split[f"{packed[1]}1_g.{packed[2]}"] = array[:narrow]
            split[f"{packed[1]}1_x.{packed[2]}"] = array[narrow:]
        else:
            split[name] = array
    return split


def decoder_rows(block: str, ours: str, attention: str) -> tuple[tuple[str, str], ...]:
    """Rows for a block of one of DETR's transformers, as the library transformers calls its parts.

    Args:
        block: regular expression of the block's name, whose group is its number.
        ours: "neck" or "head".
        attention: what we call its attention to itself; that to others is "cross".
    """
    name = f"{ours}_block{{0:+1}}"
    parts = {"q": "query", "k": "key", "v": "value", "o": "project", "out": "project"}
    return (
        *(
            row
            for theirs, kind in (("self_attn", attention), ("encoder_attn", "cross"))
            for row in (
                *(
                    (rf"{block}\.{theirs}\.{short}_proj", f"{name}_{kind}_{part}")
                    for short, part in parts.items()
                ),
                (rf"{block}\.{theirs}_layer_norm", f"{name}_{kind}_norm"),
            )
        ),
        (rf"{block}\.(?:mlp\.)?fc1", f"{name}_mlp_expand"),
        (rf"{block}\.(?:mlp\.)?fc2", f"{name}_mlp_project"),
        (rf"{block}\.final_layer_norm", f"{name}_mlp_norm"),
    )
