"""ResNet-RS as timm names it."""

from kapps.weights.dialects._timm import SQUEEZE_EXCITE, residual

STEM_POOL = (  # a strided convolution in the place of the pooling
    (r"maxpool\.0", "stem_pool_conv"),
    (r"maxpool\.1", "stem_pool_norm"),
)
DIALECTS = (residual("timm", *SQUEEZE_EXCITE, *STEM_POOL),)
