"""ResNeSt as timm names it."""

from kapps.weights.dialects._timm import residual

SPLIT_ATTENTION = (
    (r"layer(\d)\.(\d+)\.conv2\.conv", "stage{0}_block{1:+1}_2_conv"),
    (r"layer(\d)\.(\d+)\.conv2\.bn0", "stage{0}_block{1:+1}_2_norm"),
    (r"layer(\d)\.(\d+)\.conv2\.fc1", "stage{0}_block{1:+1}_2_reduce_conv"),
    (r"layer(\d)\.(\d+)\.conv2\.bn1", "stage{0}_block{1:+1}_2_reduce_norm"),
    (r"layer(\d)\.(\d+)\.conv2\.fc2", "stage{0}_block{1:+1}_2_select_conv"),
)
DIALECTS = (residual("timm", *SPLIT_ATTENTION),)
