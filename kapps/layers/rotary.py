"""Attention whose queries and keys are turned by angles that depend on their places."""

import keras
import numpy as np
from keras import ops

from kapps.layers.attention import Attention


@keras.saving.register_keras_serializable(package="kapps")
class RotaryAttention(Attention):
    """Rotary position embedding in two dimensions: half of the pairs turn by row, half by column.

    Source: RoFormer (Su et al., 2021), equation 34; EVA-02 (Fang et al., 2023), section 2.1; DINOv3
    (Siméoni et al., 2025), section 3.2.

    Args:
        height, width: of the grid of patches. prefix: tokens before them, which are not turned.
        temperature: the slowest pair turns about `temperature` times slower than the fastest.
        places: "centred": -1 to 1 over the image, a turn a unit at the highest frequency (DINOv3);
            a number: rows and columns, scaled to a grid of that many, in radians (EVA-02).
        pairs: "halves": channel i turns with channel i + half; "neighbours": 2i with 2i + 1.
    """

    def __init__(
        self, num_heads, height, width, prefix=1, temperature=100.0, places="centred",
        pairs="halves", **kwargs,
    ):  # fmt: skip
        super().__init__(num_heads, **kwargs)
        self.height, self.width, self.prefix = height, width, prefix
        self.temperature, self.places, self.pairs = temperature, places, pairs

    def positioned(self, query, key):
        angles = self._angles(query.shape[-1])
        cos, sin = (ops.cast(f(angles), query.dtype) for f in (np.cos, np.sin))
        return tuple(self._turned(x, cos, sin) for x in (query, key))

    def _angles(self, channels) -> np.ndarray:
        """(patches, channels / 2), float32: by row, then by column."""
        bands = channels // 4
        frequencies = self.temperature ** -(np.arange(bands, dtype="float32") / bands)
        sides = (self.height, self.width)
        if self.places == "centred":
            axes = [2 * (np.arange(side) + 0.5) / side - 1 for side in sides]
            frequencies = 2 * np.pi * frequencies
        else:
            axes = [np.arange(side) * self.places / side for side in sides]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2, 1)
        return (grid * frequencies).reshape(len(grid), -1).astype("float32")

    def _turned(self, x, cos, sin):
        before, x = x[:, :, : self.prefix], x[:, :, self.prefix :]
        if self.pairs == "halves":
            half = x.shape[-1] // 2
            one, two = x[..., :half], x[..., half:]
        else:
            one, two = x[..., ::2], x[..., 1::2]
        turned = one * cos - two * sin, two * cos + one * sin
        if self.pairs == "halves":
            x = ops.concatenate(turned, axis=-1)
        else:
            x = ops.reshape(ops.stack(turned, axis=-1), (-1, *x.shape[1:]))
        return ops.concatenate([before, x], axis=2) if self.prefix else x

    def get_config(self):
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
            "prefix": self.prefix,
            "temperature": self.temperature,
            "places": self.places,
            "pairs": self.pairs,
        }
