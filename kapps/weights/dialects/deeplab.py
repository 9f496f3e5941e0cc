"""DeepLabV3 as torchvision names it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects.fcn import BODY, NO_SIDES, SIDES

# torchvision numbers the parts of a MobileNetV3 below a head as its own `features` do.
NUMBERED = (r"backbone\.(\d+)\.", "features.{0}.")

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    body="torchvision",
    renames=(NUMBERED, *BODY),
    rows=(
        *(
            row
            for branch, ours in enumerate(("point", "rate12", "rate24", "rate36"))
            for row in (
                (rf"classifier\.0\.convs\.{branch}\.0", f"neck_pyramid_{ours}_conv"),
                (rf"classifier\.0\.convs\.{branch}\.1", f"neck_pyramid_{ours}_norm"),
            )
        ),
        (r"classifier\.0\.convs\.4\.1", "neck_pyramid_image_conv"),
        (r"classifier\.0\.convs\.4\.2", "neck_pyramid_image_norm"),
        (r"classifier\.0\.project\.0", "neck_pyramid_merge_conv"),
        (r"classifier\.0\.project\.1", "neck_pyramid_merge_norm"),
        (r"classifier\.1", "head_hidden_conv"),
        (r"classifier\.2", "head_hidden_norm"),
        (r"classifier\.4", "predictions"),
        *SIDES,
    ),
    ignore=NO_SIDES,
)

DIALECTS = (TORCHVISION,)
