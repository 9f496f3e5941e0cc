"""FCOS as torchvision names it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._torchvision import pyramid

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    body="torchvision",
    renames=((r"backbone\.body\.", ""),),
    rows=(
        *pyramid(3),
        *(  # a tower is convolution, normalisation and activation four times
            row
            for theirs, ours in (("classification", "class"), ("regression", "box"))
            for i in range(4)
            for row in (
                (rf"head\.{theirs}_head\.conv\.{3 * i}", f"head_{ours}_block{i + 1}_conv"),
                (rf"head\.{theirs}_head\.conv\.{3 * i + 1}", f"head_{ours}_block{i + 1}_norm"),
            )
        ),
        (r"head\.classification_head\.cls_logits", "head_class_predictions"),
        (r"head\.regression_head\.bbox_reg", "head_box_regression"),
        (r"head\.regression_head\.bbox_ctrness", "head_box_centerness"),
    ),
)

DIALECTS = (TORCHVISION,)
