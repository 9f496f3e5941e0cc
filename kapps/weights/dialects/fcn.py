"""FCN as torchvision names it."""

from kapps.weights.dialects._dialect import Dialect

BODY = ((r"backbone\.", ""),)
SIDES = (
    (r"aux_classifier\.0", "aux_hidden_conv"),
    (r"aux_classifier\.1", "aux_hidden_norm"),
    (r"aux_classifier\.4", "aux_predictions"),
)
NO_SIDES = (r"aux_classifier\..*",)  # of files for a model without that classifier

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    body="torchvision",
    renames=BODY,
    rows=(
        (r"classifier\.0", "head_hidden_conv"),
        (r"classifier\.1", "head_hidden_norm"),
        (r"classifier\.4", "predictions"),
        *SIDES,
    ),
    ignore=NO_SIDES,
)

DIALECTS = (TORCHVISION,)
