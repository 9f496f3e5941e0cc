"""SK-ResNet as timm names it."""

from kapps.weights.dialects._timm import residual

SELECTIVE_KERNELS = (
    (r"layer(\d)\.(\d+)\.conv(\d)\.conv", "stage{0}_block{1:+1}_{2}_conv"),
    (r"layer(\d)\.(\d+)\.conv(\d)\.bn", "stage{0}_block{1:+1}_{2}_norm"),
    (r"layer(\d)\.(\d+)\.conv(\d)\.paths\.(\d)\.conv", "stage{0}_block{1:+1}_{2}_path{3:+1}_conv"),
    (r"layer(\d)\.(\d+)\.conv(\d)\.paths\.(\d)\.bn", "stage{0}_block{1:+1}_{2}_path{3:+1}_norm"),
    (r"layer(\d)\.(\d+)\.conv(\d)\.attn\.fc_(reduce|select)", "stage{0}_block{1:+1}_{2}_{3}_conv"),
    (r"layer(\d)\.(\d+)\.conv(\d)\.attn\.bn", "stage{0}_block{1:+1}_{2}_reduce_norm"),
)
DIALECTS = (residual("timm", *SELECTIVE_KERNELS),)
