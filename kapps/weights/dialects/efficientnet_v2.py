"""EfficientNetV2 as Keras, timm and torchvision name it; Keras has EfficientNet's names."""

import re

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import MOBILE_BLOCKS
from kapps.weights.dialects._torchvision import STEM, head, inverted_residual
from kapps.weights.dialects.efficientnet import KERAS

FIRST = re.compile(r"(blocks\.0\.\d+\.)bn1(\..*)")


def _name_the_first_stage(arrays):
    """A block of one convolution has one normalisation, which is that of the projection.

    Those of timm's own networks (rw) expand first, as in the stages after it.
    """
    if "blocks.0.0.conv_exp.weight" in arrays:
        return arrays
    return {FIRST.sub(r"\1bn2\2", name): array for name, array in arrays.items()}


TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"blocks\.0\.(\d+)\.conv", "stage1_block{0:+1}_project_conv"),
        (r"blocks\.0\.(\d+)\.bn1", "stage1_block{0:+1}_expand_norm"),
        (r"blocks\.([0-2])\.(\d+)\.conv_exp", "stage{0:+1}_block{1:+1}_expand_conv"),
        # In a fused block the second normalisation is already that of the projection.
        (r"blocks\.([0-2])\.(\d+)\.bn2", "stage{0:+1}_block{1:+1}_project_norm"),
        *MOBILE_BLOCKS,
    ),
    prepare=_name_the_first_stage,
)

FUSED = r"features\.([23])\.(\d+)\.block"
TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        *STEM,
        (r"features\.1\.(\d+)\.block\.0\.0", "stage1_block{0:+1}_project_conv"),
        (r"features\.1\.(\d+)\.block\.0\.1", "stage1_block{0:+1}_project_norm"),
        (FUSED + r"\.0\.0", "stage{0}_block{1:+1}_expand_conv"),
        (FUSED + r"\.0\.1", "stage{0}_block{1:+1}_expand_norm"),
        (FUSED + r"\.1\.0", "stage{0}_block{1:+1}_project_conv"),
        (FUSED + r"\.1\.1", "stage{0}_block{1:+1}_project_norm"),
        *inverted_residual(r"features\.(\d)\.(\d+)\.block", "stage{0}_block{1:+1}"),
        *head("7|8"),  # after six stages or seven
        (r"classifier\.1", "predictions"),
    ),
)

DIALECTS = (KERAS, TIMM, TORCHVISION)
