"""Find a feature in a `tf.train.Example` without reading the others.

An Example is a protocol buffer: tag, length, contents, nested (protobuf.dev, "Encoding"). A picture
is stepped over by its length; TensorFlow's own parser would read it. The messages
(tensorflow/core/example/example.proto and feature.proto):

    Example.features = 1 -> Features.feature = 1, a map: key = 1, value = 2 -> Feature:
    bytes_list = 1, float_list = 2 or int64_list = 3 -> value = 1, repeated; numbers are packed,
    integers perhaps not.
"""

import struct
from typing import IO

from kapps.errors import DataError

VARINT, LENGTH = 0, 2  # wire types
BYTES_LIST, FLOAT_LIST, INT64_LIST = 1, 2, 3
BITS = 64


def features(
    file: IO[bytes], start: int, stop: int, wanted: tuple[str, ...]
) -> dict[str, tuple[int, int]]:
    """Where the Feature messages with these names lie in the Example at start..stop of a file."""
    found: dict[str, tuple[int, int]] = {}
    for _, one, end in _fields(file, start, stop):
        for _, entry, entry_end in _fields(file, one, end):
            key, value = b"", None
            for number, low, high in _fields(file, entry, entry_end):
                if number == 1:
                    file.seek(low)
                    key = file.read(high - low)
                else:
                    value = (low, high)
            name = key.decode("utf-8", "replace")
            if name in wanted and value:
                found[name] = value
                if len(found) == len(wanted):
                    return found
    return found


def first_bytes(file: IO[bytes], start: int, stop: int) -> tuple[int, int]:
    """Offset and length of the first value of a Feature of bytes."""
    for number, low, high in _fields(file, start, stop):
        if number == BYTES_LIST:
            for _, first, end in _fields(file, low, high):
                return first, end - first
    raise DataError(f"{file.name}: a picture is no bytes; prepare the data set again.")


def floats(file: IO[bytes], start: int, stop: int) -> list[float]:
    """All values of a Feature of floats, which a writer packs."""
    found: list[float] = []
    for number, low, high in _fields(file, start, stop):
        if number == FLOAT_LIST:
            for _, first, end in _fields(file, low, high):
                file.seek(first)
                data = file.read(end - first)
                found += struct.unpack(f"<{len(data) // 4}f", data)
    return found


def integers(file: IO[bytes], start: int, stop: int) -> list[int]:
    """All values of a Feature of integers, which a writer packs."""
    found: list[int] = []
    for number, low, high in _fields(file, start, stop):
        if number == INT64_LIST:
            for _, first, end in _fields(file, low, high):
                file.seek(first)
                while file.tell() < end:
                    found.append(_signed(_varint(file)))
    return found


def first_integer(file: IO[bytes], start: int, stop: int) -> int:
    """The first value of a Feature of integers."""
    for number, low, high in _fields(file, start, stop):
        if number == INT64_LIST and low < high:
            file.seek(low)
            if _varint(file) & 7 == LENGTH:
                _varint(file)
            return _signed(_varint(file))
    raise DataError(f"{file.name}: a label is no number; prepare the data set again.")


def _signed(value: int) -> int:
    return value - (1 << BITS) if value >> (BITS - 1) else value


def _fields(file: IO[bytes], start: int, stop: int):
    """(number, start, stop) of each field of a message; all that an Example has bear a length."""
    while start < stop:
        file.seek(start)
        tag = _varint(file)
        if tag & 7 != LENGTH:
            raise DataError(f"{file.name} holds no tf.train.Example; prepare the data set again.")
        length = _varint(file)
        low = file.tell()
        start = low + length
        yield tag >> 3, low, start


def _varint(file: IO[bytes]) -> int:
    value = shift = 0
    while True:
        byte = file.read(1)
        if not byte or shift > BITS:
            raise DataError(f"{file.name} is cut short; prepare the data set again.")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
        shift += 7
