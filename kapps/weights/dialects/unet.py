"""U-Net on a backbone as segmentation-models-pytorch names it."""

from kapps.weights.dialects._dialect import Dialect

SMP = Dialect(
    "smp",
    "torch",
    body="torchvision",
    renames=((r"encoder\.", ""),),
    rows=(
        (r"decoder\.blocks\.(\d)\.conv(\d)\.0", "head_up{0:+1}_block{1}_conv"),
        (r"decoder\.blocks\.(\d)\.conv(\d)\.1", "head_up{0:+1}_block{1}_norm"),
        (r"segmentation_head\.0", "predictions"),
    ),
)

DIALECTS = (SMP,)
