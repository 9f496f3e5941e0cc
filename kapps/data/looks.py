"""How a picture is looked at by training and evaluation."""

import dataclasses
from collections.abc import Callable

import numpy as np
from PIL import Image

from kapps.data.mosaic import Mosaic
from kapps.data.transforms import Transform


@dataclasses.dataclass(frozen=True)
class Look:
    """How a picture is looked at: once, or in several views.

    Attributes:
        transform: how it becomes pixels.
        change: done to them after it, with a random generator.
        of_first: the transform is that of the first look, whose piece is changed here.
        mosaic: in place of the transform, several pictures become one; None for never.
    """

    transform: Transform
    change: Callable[[Image.Image, np.random.Generator], Image.Image] | None = None
    of_first: bool = False
    mosaic: Mosaic | None = None

    @property
    def random(self) -> bool:
        """Whether two epochs differ."""
        return not self.fixed or self.change is not None

    @property
    def fixed(self) -> bool:
        """Whether the same pixels of a picture are looked at each time."""
        return not self.transform.training and self.mosaic is None
