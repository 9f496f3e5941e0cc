"""ResNet as Keras, timm and torchvision name it."""

from kapps.weights.dialects._dialect import Dialect

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

TORCH = (
    (r"conv1", "stem_conv"),
    (r"bn1", "stem_norm"),
    (r"layer(\d)\.(\d+)\.conv(\d)", "stage{0}_block{1:+1}_{2}_conv"),
    (r"layer(\d)\.(\d+)\.bn(\d)", "stage{0}_block{1:+1}_{2}_norm"),
    (r"layer(\d)\.(\d+)\.downsample\.0", "stage{0}_block{1:+1}_shortcut_conv"),
    (r"layer(\d)\.(\d+)\.downsample\.1", "stage{0}_block{1:+1}_shortcut_norm"),
    (r"fc", "predictions"),
)

DIALECTS = (KERAS, Dialect("timm", "torch", TORCH), Dialect("torchvision", "torch", TORCH))
