"""RegNet as timm and torchvision name it."""

from kapps.weights.dialects._dialect import Dialect

BLOCK = "stage{0}_block{1}"
TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"stem\.conv", "stem_conv"),
        (r"stem\.bn", "stem_norm"),
        (r"s(\d)\.b(\d+)\.conv(\d)\.conv", BLOCK + "_{2}_conv"),
        (r"s(\d)\.b(\d+)\.conv(\d)\.bn", BLOCK + "_{2}_norm"),
        (r"s(\d)\.b(\d+)\.se\.fc1", BLOCK + "_se_reduce_conv"),
        (r"s(\d)\.b(\d+)\.se\.fc2", BLOCK + "_se_expand_conv"),
        (r"s(\d)\.b(\d+)\.downsample\.conv", BLOCK + "_shortcut_conv"),
        (r"s(\d)\.b(\d+)\.downsample\.bn", BLOCK + "_shortcut_norm"),
        (r"head\.fc", "predictions"),
    ),
)

TRUNK = r"trunk_output\.block\d\.block(\d)-(\d+)\."
BLOCK = "stage{0}_block{1:+1}"
TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        (r"stem\.0", "stem_conv"),
        (r"stem\.1", "stem_norm"),
        (TRUNK + r"f\.([abc])\.0", BLOCK + "_{2:number}_conv"),
        (TRUNK + r"f\.([abc])\.1", BLOCK + "_{2:number}_norm"),
        (TRUNK + r"f\.se\.fc1", BLOCK + "_se_reduce_conv"),
        (TRUNK + r"f\.se\.fc2", BLOCK + "_se_expand_conv"),
        (TRUNK + r"proj\.0", BLOCK + "_shortcut_conv"),
        (TRUNK + r"proj\.1", BLOCK + "_shortcut_norm"),
        (r"fc", "predictions"),
    ),
)

DIALECTS = (TIMM, TORCHVISION)
