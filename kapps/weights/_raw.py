"""Bytes as arrays, for the formats that name their own number types."""

import numpy as np

BFLOAT16 = "bfloat16"  # numpy has none; it is read as float32, which holds every one of its values


def from_bytes(raw: bytes | memoryview, dtype: str, little_endian: bool = True) -> np.ndarray:
    """A flat read-only array over `raw`; bfloat16 comes back as float32.

    Args:
        dtype: a numpy type such as "f4", or "bfloat16".
        little_endian: the byte order of `raw`.

    Raises:
        ValueError: the length of `raw` is no multiple of the type's size.
    """
    kind = np.dtype("u2" if dtype == BFLOAT16 else dtype).newbyteorder(
        "<" if little_endian else ">"
    )
    array = np.frombuffer(raw, kind)
    if dtype == BFLOAT16:
        return widen_bfloat16(array)
    return array.astype(kind.newbyteorder("="), copy=False)


def widen_bfloat16(bits: np.ndarray) -> np.ndarray:
    """uint16 bit patterns of bfloat16 -> the same numbers as float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def item_size(dtype: str) -> int:
    """Bytes of one number in the file."""
    return 2 if dtype == BFLOAT16 else np.dtype(dtype).itemsize
