"""Names that several of timm's families share."""

MOBILE_BLOCKS = (  # depthwise separable blocks in the first stage, inverted residuals after it
    (r"conv_stem", "stem_conv"),
    (r"bn1", "stem_norm"),
    (r"blocks\.0\.(\d+)\.conv_dw", "stage1_block{0:+1}_depthwise_conv"),
    (r"blocks\.0\.(\d+)\.bn1", "stage1_block{0:+1}_depthwise_norm"),
    (r"blocks\.0\.(\d+)\.conv_pw", "stage1_block{0:+1}_project_conv"),
    (r"blocks\.0\.(\d+)\.bn2", "stage1_block{0:+1}_project_norm"),
    (r"blocks\.(\d+)\.(\d+)\.conv_pw", "stage{0:+1}_block{1:+1}_expand_conv"),
    (r"blocks\.(\d+)\.(\d+)\.bn1", "stage{0:+1}_block{1:+1}_expand_norm"),
    (r"blocks\.(\d+)\.(\d+)\.conv_dw", "stage{0:+1}_block{1:+1}_depthwise_conv"),
    (r"blocks\.(\d+)\.(\d+)\.bn2", "stage{0:+1}_block{1:+1}_depthwise_norm"),
    (r"blocks\.(\d+)\.(\d+)\.se\.conv_(reduce|expand)", "stage{0:+1}_block{1:+1}_se_{2}_conv"),
    (r"blocks\.(\d+)\.(\d+)\.conv_pwl", "stage{0:+1}_block{1:+1}_project_conv"),
    (r"blocks\.(\d+)\.(\d+)\.bn3", "stage{0:+1}_block{1:+1}_project_norm"),
    (r"conv_head", "head_conv"),
    (r"bn2", "head_norm"),
    (r"classifier", "predictions"),
)

TRANSFORMER_BLOCKS = (  # class token, table of places, blocks and head of a plain transformer
    (r"cls_token", "class_token/token"),
    (r"pos_embed", "position_embedding/embedding"),
    (r"patch_embed\.proj", "stem_conv"),
    (r"blocks\.(\d+)\.norm1", "{0:block}_attention_norm"),
    (r"blocks\.(\d+)\.attn\.qkv", "{0:block}_attention_qkv"),
    (r"blocks\.(\d+)\.attn\.proj", "{0:block}_attention_project"),
    (r"blocks\.(\d+)\.norm2", "{0:block}_mlp_norm"),
    (r"blocks\.(\d+)\.mlp\.fc1", "{0:block}_mlp_expand"),
    (r"blocks\.(\d+)\.mlp\.fc2", "{0:block}_mlp_project"),
    (r"norm", "head_norm"),
    (r"head", "predictions"),
)
