"""SENet as timm names it, today's and those that came from Caffe ("legacy_")."""

from kapps.weights.dialects._timm import SQUEEZE_EXCITE, residual

LEGACY = (
    (r"layer0\.conv1", "stem_conv"),
    (r"layer0\.bn1", "stem_norm"),
    (r"layer0\.conv([23])", "stem_{0}_conv"),
    (r"layer0\.bn([23])", "stem_{0}_norm"),
    (r"layer(\d)\.(\d+)\.se_module\.fc1", "stage{0}_block{1:+1}_se_reduce_conv"),
    (r"layer(\d)\.(\d+)\.se_module\.fc2", "stage{0}_block{1:+1}_se_expand_conv"),
    (r"last_linear", "predictions"),
)
DIALECTS = (residual("timm", *SQUEEZE_EXCITE, *LEGACY),)
