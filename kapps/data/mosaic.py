"""Four photos in one picture, as YOLOv4 and those after it are trained.

Things are seen smaller, beside others, and cut off, and a batch shows four times as many photos
(Bochkovskiy et al., 2020, arXiv:2004.10934, section 3.3). The numbers are those of YOLOv5: the four
meet anywhere in the middle half of a canvas twice as wide and high as the input, of which a part
around the middle is then seen, larger or smaller. Each photo is resized once, from its own pixels.
"""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kapps.data import images, pieces
from kapps.data.placement import Placement, Window

if TYPE_CHECKING:
    from kapps.data.transforms import Transform

PHOTOS = 4


@dataclasses.dataclass(frozen=True)
class Mosaic:
    """How several photos become one picture.

    Attributes:
        probability: of a mosaic; other pictures are cut as the policy says.
        scale: least and largest size of a photo, of one that fits into the input.
        shift: how far the canvas lies from the middle at most, in sides of the input.
    """

    probability: float = 1.0
    scale: tuple[float, float] = (0.5, 1.5)
    shift: float = 0.1

    def layout(
        self,
        sizes: Sequence[tuple[int, int]],
        size: tuple[int, int],
        rng: np.random.Generator,
        flip: bool = False,
    ) -> list[tuple[Placement, Window]]:
        """Where photos lie, each with a corner at the point where all meet, and what of them shows.

        Args:
            sizes: (width, height) of up to four photos.
            size: (height, width) of the input.
            rng: what chance is drawn from.
            flip: mirror the whole left to right.
        """
        height, width = size
        zoom = rng.uniform(*self.scale)
        shift = rng.uniform(-self.shift, self.shift, 2)
        beside = rng.uniform(-0.5, 0.5, 2) * zoom  # the point where they meet, from the middle
        x, y = (0.5 + beside + shift) * (width, height)
        across, down = (int(np.clip(round(at), 0, n)) for at, n in ((x, width), (y, height)))
        found = []
        corners = rng.permutation(PHOTOS)[: len(sizes)]
        for (full_width, full_height), corner in zip(sizes, corners, strict=True):
            share = zoom * min(width / full_width, height / full_height)
            right, below = corner % 2, corner // 2
            left = x if right else x - share * full_width
            top = y if below else y - share * full_height
            place = Placement(left, top, left + share * full_width, top + share * full_height)
            window = (
                across if right else 0,
                down if below else 0,
                width if right else across,
                height if below else down,
            )
            if flip:
                place = Placement(width - place.left, place.top, width - place.right, place.bottom)
                window = (width - window[2], window[1], width - window[0], window[3])
            found.append((place, window))
        return found

    def draw(
        self,
        photos: Sequence[tuple[images.ImageSource, Any]],
        transform: "Transform",
        form: Any,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, Any]:
        """A picture of several photos, and the annotations of all.

        Args:
            photos: up to four, each with what `form.prepare` made of its annotation. The first must
                be readable; the place of another that is not stays empty.
            transform: says size, colours, and whether pictures are mirrored.
            form: of the annotations, see `kapps.data.marks`.
            rng: what chance is drawn from.

        Raises:
            As `images.open_image`, for the first.
        """
        flip = transform.training and transform.flip and rng.random() < 0.5
        sizes = [pieces.opened(photo, transform.channels)[1] for photo, _ in photos]
        paper, placed = transform.paper(), []
        layout = self.layout(sizes, transform.size, rng, flip)
        for number, ((photo, marks), (place, window)) in enumerate(
            zip(photos, layout, strict=True)
        ):
            # Who is damaged is listed when its own turn comes.
            with contextlib.suppress(*(images.UNREADABLE if number else ())):
                place = pieces.paste(paper, photo, place, window, transform.interpolation)
                placed.append((marks, place, window))
        return paper, form.join(placed, transform.size)
