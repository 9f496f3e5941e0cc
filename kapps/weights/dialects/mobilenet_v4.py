"""MobileNetV4 as timm names it."""

from kapps.weights.dialects._dialect import Dialect

BLOCK = r"blocks\.(\d+)\.(\d+)\."
OURS = "stage{0:+1}_block{1:+1}_"

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"conv_stem", "stem_conv"),
        (r"bn1", "stem_norm"),
        (r"blocks\.4\.0\.conv", "head_conv"),
        (r"blocks\.4\.0\.bn1", "head_norm"),
        # ConvSmall's fused bottlenecks are two convolutions there.
        (r"blocks\.(\d+)\.0\.(?:conv|conv_exp)", "stage{0:+1}_block1_expand_conv"),
        (r"blocks\.(\d+)\.0\.bn1", "stage{0:+1}_block1_expand_norm"),
        (r"blocks\.(\d+)\.(?:1\.conv|0\.conv_pwl)", "stage{0:+1}_block1_project_conv"),
        (r"blocks\.(\d+)\.(?:1\.bn1|0\.bn2)", "stage{0:+1}_block1_project_norm"),
        (BLOCK + r"dw_start\.conv", OURS + "before_conv"),
        (BLOCK + r"dw_start\.bn", OURS + "before_norm"),
        (BLOCK + r"pw_exp\.conv", OURS + "expand_conv"),
        (BLOCK + r"pw_exp\.bn", OURS + "expand_norm"),
        (BLOCK + r"dw_mid\.conv", OURS + "depthwise_conv"),
        (BLOCK + r"dw_mid\.bn", OURS + "depthwise_norm"),
        (BLOCK + r"pw_proj\.conv", OURS + "project_conv"),
        (BLOCK + r"pw_proj\.bn", OURS + "project_norm"),
        (BLOCK + r"layer_scale", OURS + "scale"),
        (BLOCK + r"norm", OURS + "norm"),
        (BLOCK + r"attn\.(query|key|value)\.proj", OURS + "{2}_conv"),
        (BLOCK + r"attn\.(key|value)\.down_conv", OURS + "{2}_depthwise_conv"),
        (BLOCK + r"attn\.(key|value)\.norm", OURS + "{2}_depthwise_norm"),
        (BLOCK + r"attn\.output\.proj", OURS + "project_conv"),
        (r"conv_head", "head_dense"),
        (r"norm_head", "head_dense_norm"),
        (r"classifier", "predictions"),
    ),
)

DIALECTS = (TIMM,)
