"""Scalars for TensorBoard, written without TensorFlow or TensorBoard, so alike on every backend.

Keras's TensorBoard callback needs the `tensorboard` package (TensorFlow 2.21 no longer brings it).
An event file is a list of records: length, masked CRC-32C of the length, an `Event` message of
`tensorflow/core/util/event.proto`, masked CRC-32C of the message.
"""

import os
import struct
import time
from pathlib import Path

# The reflected Castagnoli polynomial of RFC 3720.
POLYNOMIAL = 0x82F63B78
MASK_DELTA = 0xA282EAD8


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
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
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


class ScalarWriter:
    """One event file in `folder`; TensorBoard joins all files of a folder into one run.

    Args:
        folder: made when missing.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self.path = folder / f"events.out.tfevents.{int(now)}.{os.getpid()}.{time.time_ns()}"
        self._write(struct.pack("<Bd", 0x09, now) + _bytes_field(3, b"brain.Event:2"))

    def add(self, step: int, scalars: dict[str, float]) -> None:
        """Append the values of one step."""
        values = b"".join(
            _bytes_field(1, _bytes_field(1, tag.encode()) + struct.pack("<Bf", 0x15, value))
            for tag, value in scalars.items()
        )
        event = struct.pack("<Bd", 0x09, time.time()) + b"\x10" + _varint(step)
        self._write(event + _bytes_field(5, values))

    def _write(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        with open(self.path, "ab") as file:
            file.write(length + _masked(length) + event + _masked(event))
