"""MobileNet as Keras and timm name it."""

from kapps.weights.dialects._dialect import Dialect

KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"conv1", "stem_conv"),
        (r"conv1_bn", "stem_norm"),
        (r"conv_dw_(\d+)", "{0:block-1}_depthwise_conv"),
        (r"conv_dw_(\d+)_bn", "{0:block-1}_depthwise_norm"),
        (r"conv_pw_(\d+)", "{0:block-1}_pointwise_conv"),
        (r"conv_pw_(\d+)_bn", "{0:block-1}_pointwise_norm"),
        (r"conv_preds", "predictions"),
    ),
)

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"conv_stem", "stem_conv"),
        (r"bn1", "stem_norm"),
        (r"blocks\.(\d+)\.(\d+)\.conv_dw", "stage{0:+1}_block{1:+1}_depthwise_conv"),
        (r"blocks\.(\d+)\.(\d+)\.bn1", "stage{0:+1}_block{1:+1}_depthwise_norm"),
        (r"blocks\.(\d+)\.(\d+)\.conv_pw", "stage{0:+1}_block{1:+1}_pointwise_conv"),
        (r"blocks\.(\d+)\.(\d+)\.bn2", "stage{0:+1}_block{1:+1}_pointwise_norm"),
        (r"classifier", "predictions"),
    ),
)

DIALECTS = (KERAS, TIMM)
