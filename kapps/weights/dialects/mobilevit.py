"""MobileViT as timm names it."""

from kapps.weights.dialects._dialect import Dialect

LAYERS = (  # of a transformer
    (r"norm1", "attention_norm"),
    (r"attn\.qkv(?:_proj)?", "attention_qkv"),
    (r"attn\.(?:out_)?proj", "attention_project"),
    (r"norm2", "mlp_norm"),
    (r"mlp\.fc1", "mlp_expand"),
    (r"mlp\.fc2", "mlp_project"),
)
PARTS = (  # of an inverted residual, and of a block with a transformer
    (r"conv1_1x1\.conv", "expand_conv"),
    (r"conv1_1x1\.bn", "expand_norm"),
    (r"conv2_kxk\.conv", "depthwise_conv"),
    (r"conv2_kxk\.bn", "depthwise_norm"),
    (r"conv3_1x1\.conv", "project_conv"),
    (r"conv3_1x1\.bn", "project_norm"),
    (r"conv_kxk\.conv", "local_conv"),
    (r"conv_kxk\.bn", "local_norm"),
    (r"conv_1x1", "embed_conv"),
    *((rf"transformer\.(\d+)\.{part}", f"layer{{2:+1}}_{ours}") for part, ours in LAYERS),
    (r"norm", "tokens_norm"),
    (r"conv_proj\.conv", "project_conv"),
    (r"conv_proj\.bn", "project_norm"),
    (r"conv_fusion\.conv", "fuse_conv"),
    (r"conv_fusion\.bn", "fuse_norm"),
)

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"stem\.conv", "stem_conv"),
        (r"stem\.bn", "stem_norm"),
        *(
            (rf"stages\.(\d)\.(\d+)\.{part}", f"stage{{0:+1}}_block{{1:+1}}_{ours}")
            for part, ours in PARTS
        ),
        (r"final_conv\.conv", "head_conv"),
        (r"final_conv\.bn", "head_norm"),
        (r"head\.fc", "predictions"),
    ),
)

DIALECTS = (TIMM,)
