"""Event files for TensorBoard, written without TensorFlow or TensorBoard: alike on every backend.

Keras's TensorBoard callback needs the `tensorboard` package (TensorFlow 2.21 no longer brings it).
An event file is a list of records: length, masked CRC-32C of the length, an `Event` message of
`tensorflow/core/util/event.proto`, masked CRC-32C of the message. What was measured is in the
`Summary` in it, of `tensorflow/core/framework/summary.proto`.
"""

import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

# The reflected Castagnoli polynomial of RFC 3720.
POLYNOMIAL = 0x82F63B78
MASK_DELTA = 0xA282EAD8
BINS = 30  # of a histogram, as TensorBoard's own have
RGB = 3  # the colour space of an encoded image


def _table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        rows.append(value)
    return tuple(rows)


TABLE = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of `data`."""
    crc, table = 0xFFFFFFFF, TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def _bytes_field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _int_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _double_field(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


class Writer:
    """One event file in `folder`; TensorBoard joins all files of a folder into one run.

    Args:
        folder: made when missing.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self.path = folder / f"events.out.tfevents.{int(now)}.{os.getpid()}.{time.time_ns()}"
        self._write(struct.pack("<Bd", 0x09, now) + _bytes_field(3, b"brain.Event:2"))

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Append numbers, tag -> value."""
        self._values(step, {tag: struct.pack("<Bf", 0x15, v) for tag, v in scalars.items()})

    def add_images(self, step: int, images: Mapping[str, tuple[bytes, int, int]]) -> None:
        """Append pictures, tag -> (a PNG file in RGB, its width, its height)."""
        messages = {}
        for tag, (png, width, height) in images.items():
            fields = _int_field(1, height) + _int_field(2, width) + _int_field(3, RGB)
            messages[tag] = _bytes_field(4, fields + _bytes_field(4, png))
        self._values(step, messages)

    def add_histograms(self, step: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Append the distributions of numbers, tag -> finite array."""
        self._values(step, {tag: _bytes_field(5, _histogram(a)) for tag, a in arrays.items()})

    def _values(self, step: int, messages: Mapping[str, bytes]) -> None:
        """An event with a `Summary.Value` for each tag."""
        values = b"".join(
            _bytes_field(1, _bytes_field(1, tag.encode()) + message)
            for tag, message in messages.items()
        )
        event = struct.pack("<Bd", 0x09, time.time()) + _int_field(2, step)
        self._write(event + _bytes_field(5, values))

    def _write(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        with open(self.path, "ab") as file:
            file.write(length + _masked(length) + event + _masked(event))


def _histogram(array: np.ndarray) -> bytes:
    """A `HistogramProto` of an array."""
    values = np.asarray(array, "float64").ravel()
    counts, edges = np.histogram(values, BINS)
    numbers = (values.min(), values.max(), values.size, values.sum(), np.square(values).sum())
    fields = b"".join(_double_field(i, float(number)) for i, number in enumerate(numbers, 1))
    limits = edges[1:].astype("<f8").tobytes()
    return fields + _bytes_field(6, limits) + _bytes_field(7, counts.astype("<f8").tobytes())
