# ruff: noqa: E501 (kept as its authors wrote it: the goldens depend on every character of it)
"""Deterministic checkpoint values, so that a whole reference checkpoint fits in a list of names and shapes.

`fill(name, shape)` returns the float32 array that stands for the tensor `name` of a reference checkpoint
(a timm or torchvision state dict). The reference outputs under `golden/` were computed by the reference
library itself after its state dict had been overwritten with exactly these values, so a port that loads the
same values through its own checkpoint converter must reproduce the same logits.

The outputs were computed in float64; `float32_error` in each golden is what the reference itself loses in float32.

Nothing here depends on a random number generator: every value is an integer hash of (salt, name, index).
"""

import zlib

import numpy as np

GOLDEN_SALT = 0


def _uniform(name, count, salt):
    """`count` float64 values in [0, 1): SplitMix64 of the element index, keyed by the CRC-32 of the name."""
    with np.errstate(over="ignore"):
        z = np.arange(count, dtype=np.uint64) + np.uint64(1)
        z = (
            z * np.uint64(0x9E3779B97F4A7C15)
            + (np.uint64(zlib.crc32(name.encode())) << np.uint64(20))
            + np.uint64(salt)
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def fill(name, shape, salt=GOLDEN_SALT, norm_scale=1.0):
    """The float32 array for tensor `name` (the reference's own name and axis order, e.g. OIHW kernels).

    running variances lie in [0.5, 1.5), normalisation scales (1-D `weight`, `gamma`) in [0.7, 1.3) times
    `norm_scale` (each golden states its own: deep residual networks need less than 1 to stay well conditioned),
    1-D tensors otherwise (biases, running means) in [-0.1, 0.1), and everything of two or more axes is
    uniform with variance 1.6 / fan_in, fan_in being the product of all axes but the first.
    """
    shape = tuple(int(s) for s in shape)
    count = int(np.prod(shape, dtype=np.int64)) if shape else 1
    u = _uniform(name, count, salt)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "running_var":
        values = 0.5 + u
    elif len(shape) <= 1 and leaf in ("weight", "gamma"):
        values = (0.7 + 0.6 * u) * norm_scale
    elif len(shape) <= 1:
        values = 0.2 * u - 0.1
    else:
        fan_in = int(np.prod(shape[1:], dtype=np.int64))
        values = (2.0 * u - 1.0) * np.sqrt(3.0 * 1.6 / fan_in)
    return values.astype(np.float32).reshape(shape)


def golden_input(size, index=0, channels=3):
    """Float32 NHWC image in [0, 255], shape (1, size, size, channels): smooth waves plus hashed noise."""
    grid = np.arange(size, dtype=np.float64) / size
    y, x = np.meshgrid(grid, grid, indexing="ij")
    waves = [
        127.5 + 90.0 * np.sin(2 * np.pi * ((c + 2) * x + (index + 1) * y) + c)
        for c in range(channels)
    ]
    noise = _uniform(f"golden_input_{index}", size * size * channels, 0).reshape(
        size, size, channels
    )
    image = np.stack(waves, axis=-1) + 75.0 * (noise - 0.5)
    return np.clip(image, 0.0, 255.0).astype(np.float32)[None]
