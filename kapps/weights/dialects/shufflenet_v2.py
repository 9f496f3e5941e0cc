"""ShuffleNetV2 as torchvision names it."""

from kapps.weights.dialects._dialect import Dialect

BLOCK = r"stage(\d)\.(\d+)\."
OURS = "stage{0}_block{1:+1}_"

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        (r"conv1\.0", "stem_conv"),
        (r"conv1\.1", "stem_norm"),
        (rf"{BLOCK}branch1\.0", f"{OURS}shortcut_depthwise_conv"),
        (rf"{BLOCK}branch1\.1", f"{OURS}shortcut_depthwise_norm"),
        (rf"{BLOCK}branch1\.2", f"{OURS}shortcut_project_conv"),
        (rf"{BLOCK}branch1\.3", f"{OURS}shortcut_project_norm"),
        (rf"{BLOCK}branch2\.0", f"{OURS}expand_conv"),
        (rf"{BLOCK}branch2\.1", f"{OURS}expand_norm"),
        (rf"{BLOCK}branch2\.3", f"{OURS}depthwise_conv"),
        (rf"{BLOCK}branch2\.4", f"{OURS}depthwise_norm"),
        (rf"{BLOCK}branch2\.5", f"{OURS}project_conv"),
        (rf"{BLOCK}branch2\.6", f"{OURS}project_norm"),
        (r"conv5\.0", "head_conv"),
        (r"conv5\.1", "head_norm"),
        (r"fc", "predictions"),
    ),
)

DIALECTS = (TORCHVISION,)
