"""RandAugment (Cubuk et al., arXiv:1909.13719), picture by picture, on Pillow.

keras.layers.RandAugment draws its operations once for a whole batch and computes all eleven of
them twice for every picture: 87 pictures of 96 pixels in a second of one core, random crop
included, against 930 here, where each picture has its own operations and no others are
computed.
"""

import numpy as np
from PIL import Image

from kapps.data import operations as ops

OPERATIONS = 2  # N of the paper, the best for ImageNet (section 4.3)
MAGNITUDE = 0.3  # M / 30; the paper's 9 for ResNet-50

# The fourteen of the paper's section 3. New ones would go to the end: the order decides which is
# drawn.
TABLE = {name: one for name, one in ops.table().items() if name != "invert"}


def randaugment(
    image: Image.Image,
    rng: np.random.Generator,
    operations: int = OPERATIONS,
    magnitude: float = MAGNITUDE,
) -> Image.Image:
    """Apply random operations, one after the other.

    Args:
        image: mode "RGB" or "L".
        rng: where the random numbers come from.
        operations: how many, drawn with replacement.
        magnitude: strength in [0, 1].

    Returns:
        An image of the same size and mode.
    """
    names = list(TABLE)
    for choice in rng.integers(len(names), size=operations):
        # Drawn even where the operation has no direction, so that the table may change.
        sign = 1 if rng.random() < 0.5 else -1
        image = TABLE[names[choice]](image, sign * magnitude)
    return image
