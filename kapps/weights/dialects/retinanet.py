"""RetinaNet as torchvision names it."""

from dataclasses import replace

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._torchvision import pyramid

KINDS = (("classification", "class"), ("regression", "box"))

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    body="torchvision",
    renames=((r"backbone\.body\.", ""),),
    rows=(
        *pyramid(3),
        *(
            row
            for theirs, ours in KINDS
            for row in (
                (rf"head\.{theirs}_head\.conv\.(\d)\.0", f"head_{ours}_block{{0:+1}}_conv"),
                (rf"head\.{theirs}_head\.conv\.(\d)\.1", f"head_{ours}_block{{0:+1}}_norm"),
                # Files of 2022 and before count the activations too.
                *(
                    (rf"head\.{theirs}_head\.conv\.{2 * i}", f"head_{ours}_block{i + 1}_conv")
                    for i in range(4)
                ),
            )
        ),
        (r"head\.classification_head\.cls_logits", "head_class_predictions"),
        (r"head\.regression_head\.bbox_reg", "head_box_regression"),
    ),
)
EPSILON = 1e-5  # of the flavor that the weights are loaded into


def _without_epsilon(arrays):
    """Variances for a network that adds an epsilon, of one that was published with none."""
    return {
        name: array - EPSILON if name.endswith("running_var") else array
        for name, array in arrays.items()
    }


FROZEN = replace(TORCHVISION, name="torchvision, epsilon 0", prepare=_without_epsilon)

DIALECTS = (TORCHVISION, FROZEN)
