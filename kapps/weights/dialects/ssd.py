"""SSD and SSDLite as torchvision names them."""

from kapps.weights.dialects._dialect import Dialect

KINDS = (
    (r"head\.classification_head\.module_list", "class", "predictions"),
    (r"head\.regression_head\.module_list", "box", "regression"),
)

# torchvision cuts MobileNetV3 in two, before the depthwise convolution of block 13.
SSDLITE = Dialect(
    "torchvision",
    "torch",
    body="torchvision",
    renames=(
        (r"backbone\.features\.0\.13\.", "features.13.block.0."),
        (r"backbone\.features\.0\.", "features."),
        (r"backbone\.features\.1\.0\.", "features.13.block."),
        (r"backbone\.features\.1\.(\d+)\.", "features.{0:+13}."),
    ),
    rows=(
        *(
            row
            for part, ours in enumerate(("reduce", "depthwise", "project"))
            for row in (
                (rf"backbone\.extra\.(\d)\.{part}\.0", f"neck_extra{{0:+1}}_{ours}_conv"),
                (rf"backbone\.extra\.(\d)\.{part}\.1", f"neck_extra{{0:+1}}_{ours}_norm"),
            )
        ),
        *(
            row
            for theirs, ours, last in KINDS
            for row in (
                (rf"{theirs}\.(\d)\.0\.0", f"head_{ours}{{0:+1}}_depthwise_conv"),
                (rf"{theirs}\.(\d)\.0\.1", f"head_{ours}{{0:+1}}_depthwise_norm"),
                (rf"{theirs}\.(\d)\.1", f"head_{ours}{{0:+1}}_{last}"),
            )
        ),
    ),
)

# Its VGG is cut behind convolution 4_3; the rest of it, from a pool on, is the first extra.
VGG = Dialect(
    "torchvision, VGG",
    "torch",
    body="torchvision",
    renames=(
        (r"backbone\.features\.", "features."),
        (r"backbone\.extra\.0\.([1-6])\.", "features.{0:+23}."),
    ),
    rows=(
        (r"backbone\.scale_weight", "neck_scale/gamma"),
        (r"backbone\.extra\.0\.7\.1", "neck_fc6"),
        (r"backbone\.extra\.0\.7\.3", "neck_fc7"),
        (r"backbone\.extra\.(\d)\.0", "neck_extra{0}_reduce_conv"),
        (r"backbone\.extra\.(\d)\.2", "neck_extra{0}_conv"),
        *((rf"{theirs}\.(\d)", f"head_{ours}{{0:+1}}_{last}") for theirs, ours, last in KINDS),
    ),
)

DIALECTS = (SSDLITE, VGG)
