"""ResNet as Keras, timm and torchvision name it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import residual

KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"conv1_conv", "stem_conv"),
        (r"conv1_bn", "stem_norm"),
        (r"conv(\d)_block(\d+)_0_conv", "stage{0:-1}_block{1}_shortcut_conv"),
        (r"conv(\d)_block(\d+)_0_bn", "stage{0:-1}_block{1}_shortcut_norm"),
        (r"conv(\d)_block(\d+)_(\d)_conv", "stage{0:-1}_block{1}_{2}_conv"),
        (r"conv(\d)_block(\d+)_(\d)_bn", "stage{0:-1}_block{1}_{2}_norm"),
        (r"predictions|probs", "predictions"),  # the published files are older than the name
    ),
    bgr=True,
)

DIALECTS = (KERAS, residual("timm"), residual("torchvision"))
