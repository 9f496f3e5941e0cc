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
