"""What an application says of itself when its network cuts the image into patches."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tokens:
    """A part of an `Application`: how its patches lie.

    Such a network is built for one size: its tables of places belong to a grid of patches. Another
    `input_shape` has other tables, and those of pretrained weights are interpolated.

    Attributes:
        patch: height and width in pixels; those of the image are multiples of it.
        prefix: tokens before those of the patches; 0 too where the network ends in a map.
        pooling: what its own classifier sees: "token" (the first one) or "avg" (of the patches).
    """

    patch: int
    prefix: int = 1
    pooling: str = "token"

    @property
    def poolings(self) -> tuple[str | None, ...]:
        """What the argument `pooling` may be."""
        return ("avg", "max", "token", None) if self.prefix else ("avg", "max", None)

    def check_sides(self, name: str, sides: tuple[int | None, ...], shape: tuple) -> None:
        """Refuse an image that is not cut into whole patches.

        Raises:
            ValueError: a side is open, or no multiple of the patch.
        """
        for side in sides:
            if side is None or side % self.patch:
                raise ValueError(
                    f"input_shape={shape}: {name} cuts images into patches of "
                    f"{self.patch}x{self.patch} pixels; give a height and a width that are "
                    f"multiples of {self.patch}"
                )
