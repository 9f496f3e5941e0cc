"""DenseNet as Keras, timm and torchvision name it."""

from kapps.weights.dialects._dialect import Dialect

KERAS = Dialect(
    "keras",
    "keras",
    rows=(  # the published files are older than the names: "conv1/conv" and "fc1000"
        (r"conv1[_/]conv", "stem_conv"),
        (r"conv1[_/]bn", "stem_norm"),
        (r"conv(\d)_block(\d+)_(\d)_bn", "stage{0:-1}_block{1}_{2:+1}_norm"),
        (r"conv(\d)_block(\d+)_(\d)_conv", "stage{0:-1}_block{1}_{2}_conv"),
        (r"pool(\d)_bn", "stage{0}_transition_norm"),
        (r"pool(\d)_conv", "stage{0}_transition_conv"),
        (r"bn", "head_norm"),
        (r"predictions|fc1000", "predictions"),
    ),
)

LAYER = r"features\.denseblock(\d)\.denselayer(\d+)\."
TORCH = (
    (r"features\.conv0", "stem_conv"),
    (r"features\.norm0", "stem_norm"),
    (rf"{LAYER}(norm|conv)\.?(\d)", "stage{0}_block{1}_{3}_{2}"),  # torchvision's files say norm.1
    (r"features\.transition(\d)\.(norm|conv)", "stage{0:+1}_transition_{1}"),
    (r"features\.norm5", "head_norm"),
    (r"classifier", "predictions"),
)

DIALECTS = (KERAS, Dialect("timm", "torch", TORCH), Dialect("torchvision", "torch", TORCH))
