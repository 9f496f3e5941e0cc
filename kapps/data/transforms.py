"""How a picture becomes the pixels of a network's input: resize, crop, and for training a flip.

The rule for evaluation is the one by which the published accuracies were measured (timm and
torchvision, on Pillow images): resize the shorter side to floor(size / crop_pct), the longer one
in proportion and rounded down, both with Pillow's antialiased filter; then cut out the centre, at
round((side - size) / 2). EfficientNet-Lite's "resize 256, crop 224" is crop_pct 0.875.

What training sees is drawn by `kapps.data.random_pieces`.
"""

import dataclasses
import json
import math
from typing import Any, Self

import numpy as np
from PIL import Image

from kapps.data import images, pieces, random_pieces
from kapps.data.placement import Placement

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
CROP_MODES = ("center", "squash", "border")
IMAGENET_MEAN = (124, 116, 104)


@dataclasses.dataclass(frozen=True)
class Transform:
    """The preprocessing of one network, as a callable and as JSON.

    Attributes:
        size: (height, width) of the result in pixels; one number means a square.
        crop_pct: share of the resized picture that the crop keeps, in (0, 1].
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos".
        crop_mode: "center" crops the shorter side's square; "squash" resizes to the target's
            shape first, losing the proportions; "border" fits the longer side and fills around.
        channels: 3 for RGB, 1 for grey.
        training: cut a random piece and flip it, instead of the rule for evaluation.
        scale: least and largest share of the area that a random piece covers.
        ratio: least and largest width / height of a random piece before it is resized.
        shorter: instead of both, for pieces of the network's proportions: least and largest length
            of the picture's shorter side, in sides of the network's input (VGG, arXiv:1409.1556,
            section 3.1: 256/224 to 512/224).
        flip: mirror half of the training pictures left to right.
        overlaps: instead of these, for pictures with boxes: the piece is the whole picture, or a
            random one of which a box is that much inside, see `kapps.data.box_pieces`.
        zoom: instead of these: the whole picture in its proportions, fitted into the input and then
            enlarged by that much at least and at most, with `fill` around it; (1, 1) is what
            crop_mode "border" does.
        shift: how far it then is at most from the middle, in sides of the input.
        out: largest width of the picture's surroundings in its own, where half of the pictures are
            put on a larger background instead; 1 for none.
        fill: colour around the picture where it does not fill the input, 0..255.
    """

    size: tuple[int, int]
    crop_pct: float = 0.875
    interpolation: str = "bicubic"
    crop_mode: str = "center"
    channels: int = 3
    training: bool = False
    scale: tuple[float, float] = (0.25, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    shorter: tuple[float, float] | None = None
    flip: bool = True
    fill: tuple[int, int, int] = IMAGENET_MEAN
    overlaps: tuple[float, ...] = ()
    out: float = 1.0
    zoom: tuple[float, float] | None = None
    shift: float = 0.0

    def __post_init__(self) -> None:
        # A frozen dataclass sets its own fields this way; JSON gives lists where we keep tuples.
        object.__setattr__(self, "size", _size(self.size))
        for name in ("scale", "ratio", "fill", "overlaps"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("shorter", "zoom"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if not 0 < self.crop_pct <= 1:
            raise ValueError(f"crop_pct={self.crop_pct!r} is not in (0, 1].")
        if self.interpolation not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise ValueError(f"interpolation={self.interpolation!r} is not one of {known}.")
        if self.crop_mode not in CROP_MODES:
            known = ", ".join(CROP_MODES)
            raise ValueError(f"crop_mode={self.crop_mode!r} is not one of {known}.")
        if self.channels not in (1, 3):
            raise ValueError(
                f"channels={self.channels!r} is not possible for pictures; use 1 or 3."
            )
        if not (len(self.scale) == 2 and 0 < self.scale[0] <= self.scale[1] <= 1):
            raise ValueError(f"scale={self.scale!r} is not a range within (0, 1].")
        if not (len(self.ratio) == 2 and 0 < self.ratio[0] <= self.ratio[1]):
            raise ValueError(f"ratio={self.ratio!r} is not a range above 0.")
        if self.shorter and not (
            len(self.shorter) == 2 and 1 <= self.shorter[0] <= self.shorter[1]
        ):
            raise ValueError(f"shorter={self.shorter!r} is not a range from 1.")
        if not all(0 <= least < 1 for least in self.overlaps):
            raise ValueError(f"overlaps={self.overlaps!r} are not shares in [0, 1).")
        if self.zoom and not (len(self.zoom) == 2 and 0 < self.zoom[0] <= self.zoom[1]):
            raise ValueError(f"zoom={self.zoom!r} is not a range above 0.")
        if not 0 <= self.shift <= 0.5:
            raise ValueError(f"shift={self.shift!r} is not a share of the input in 0..0.5.")
        if not 1 <= self.out <= 10:
            raise ValueError(f"out={self.out!r} is not a number of widths in 1..10.")
        if len(self.fill) != 3 or not all(0 <= value <= 255 for value in self.fill):
            raise ValueError(f"fill={self.fill!r} is not a colour of three numbers in 0..255.")

    @classmethod
    def from_spec(cls, spec: dict[str, Any], training: bool = False, **changes: Any) -> Self:
        """The transform that a model's `spec` names (see `kapps.layers.spec_of`).

        Args:
            spec: needs "size"; "crop_pct", "interpolation", "crop_mode", "channels", "fill" and
                "mean", which is the fill where there is none, are used where present.
            training: see the class.
            **changes: fields of the class that win over the spec, such as `size=128`.

        Raises:
            ValueError: no "size", or a value that the class refuses.
        """
        if "size" not in spec and "size" not in changes:
            raise ValueError("the spec has no 'size'; give size= or a spec written by kapps.")
        names = ("size", "crop_pct", "interpolation", "crop_mode", "channels")
        fields = {name: spec[name] for name in names if spec.get(name) is not None}
        mean = spec.get("mean")
        if spec.get("fill") is not None:
            fields["fill"] = tuple(spec["fill"])
        elif mean is not None and len(mean) == 3:
            fields["fill"] = tuple(round(value) for value in mean)
        return cls(**{**fields, "training": training, **changes})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`; ValueError names a key that is unknown or missing."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"{unknown[0]!r} is not part of a transform; known: {sorted(known)}.")
        if "size" not in values:
            raise ValueError("the transform has no 'size'.")
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        return cls.from_dict(json.loads(text))

    def to_dict(self) -> dict[str, Any]:
        """All fields, of types that JSON knows."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def to_json(self) -> str:
        """All fields as one line of JSON."""
        return json.dumps(self.to_dict())

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    @property
    def resize(self) -> tuple[int, int]:
        """(height, width) to which the rule for evaluation resizes: floor(size / crop_pct)."""
        return tuple(math.floor(side / self.crop_pct) for side in self.size)

    def __call__(
        self, image: images.ImageSource, seed: int | np.random.Generator | None = None
    ) -> np.ndarray:
        """Decode and transform one picture.

        Args:
            image: anything that `kapps.data.images.open_image` takes.
            seed: for training, what the random numbers are drawn from; None differs each time.

        Returns:
            uint8 array of shape [height, width, channels], values 0..255.

        Raises:
            As `open_image`.
        """
        return self.place(image, seed)[0]

    def place(
        self,
        image: images.ImageSource,
        seed: int | np.random.Generator | None = None,
        boxes: np.ndarray | None = None,
    ) -> tuple[np.ndarray, Placement]:
        """The same, and where the picture lies in the result; arguments and errors as `__call__`.

        Boxes and masks of the picture are moved by the placement.

        Args:
            image, seed: see `__call__`.
            boxes: [N, 4], of the picture, as shares of its width and height, for `overlaps`.
        """
        if self.training:
            return random_pieces.draw(self, image, np.random.default_rng(seed), boxes)
        return self._evaluate(images.decode(images.peek(image), self.channels))

    def placement(self, width: int, height: int) -> Placement:
        """Where a picture of this size lies in the network's input by the rule for evaluation.

        `placement(width, height).back(boxes, (width, height))` gives detections in its pixels.
        """
        (new_width, new_height), (left, top) = self._fit(width, height)
        return Placement(-left, -top, new_width - left, new_height - top)

    def shrink(self, image: images.ImageSource) -> np.ndarray:
        """Decode a picture only as large as training will need it, to be kept in memory.

        The shorter side stays at least twice the network's: a random piece of a quarter of the
        area (the least by default) is then still not enlarged. Smaller pictures stay as they are.
        The result, uint8 [H, W, C], is what `__call__` then takes.
        """
        picture = images.peek(image)
        width, height = images.size_of(picture)
        share = max(2 * self.size[0] / height, 2 * self.size[1] / width)
        if share >= 1:
            return pieces.decode(picture, self.channels)
        size = (max(1, round(height * share)), max(1, round(width * share)))
        pixels = pieces.decode(picture, self.channels, at_least=size[::-1])
        return pieces.resize(pixels, size, self.interpolation)

    def _evaluate(self, image: Image.Image) -> tuple[np.ndarray, Placement]:
        height, width = self.size
        placement = self.placement(*image.size)
        size, (left, top) = self._fit(*image.size)
        image = self.resized(image, size)
        if left >= 0 and top >= 0:
            return images.to_pixels(image.crop((left, top, left + width, top + height))), placement
        paper = Image.new("RGB", (width, height), self.fill).convert(image.mode)
        paper.paste(image, (-left, -top))
        return images.to_pixels(paper), placement

    def _fit(self, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """(width, height) that a picture is resized to, and the (left, top) of the cut in it."""
        resize_height, resize_width = self.resize
        if self.crop_mode == "squash":
            size = (resize_width, resize_height)
        elif self.crop_mode == "border":
            share = min(resize_height / height, resize_width / width)
            size = tuple(max(1, round(side * share)) for side in (width, height))
        elif width * resize_height <= height * resize_width:
            size = (resize_width, max(resize_width * height // width, resize_height))
        else:
            size = (max(resize_height * width // height, resize_width), resize_height)
        left, top = (round((side - n) / 2) for side, n in zip(size, self.size[::-1], strict=True))
        return size, (left, top)

    def resized(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        """A picture of another (width, height), by the filter of `interpolation`."""
        return image.resize(size, INTERPOLATIONS[self.interpolation])

    def paper(self) -> np.ndarray:
        """An input without a picture: uint8 [height, width, channels] of the colour `fill`."""
        empty = Image.new("RGB", self.size[::-1], self.fill)
        return images.to_pixels(empty if self.channels == 3 else empty.convert("L"))


def _size(value: Any) -> tuple[int, int]:
    sides = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(sides) != 2 or not all(isinstance(s, int | np.integer) and s > 0 for s in sides):
        raise ValueError(f"size={value!r} is not a number of pixels or (height, width).")
    return int(sides[0]), int(sides[1])
