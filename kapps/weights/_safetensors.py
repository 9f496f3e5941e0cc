"""safetensors: a length, a JSON table of tensors, and their bytes one after the other.

Read here and not by the safetensors package, whose numpy interface has no bfloat16: a dependency
less for forty lines. Specification: https://github.com/huggingface/safetensors#format
"""

import json
import math
from pathlib import Path

import numpy as np

from kapps.weights._raw import BFLOAT16, from_bytes, item_size

DTYPES = {
    "F64": "f8",
    "F32": "f4",
    "F16": "f2",
    "BF16": BFLOAT16,
    "I64": "i8",
    "I32": "i4",
    "I16": "i2",
    "I8": "i1",
    "U64": "u8",
    "U32": "u4",
    "U16": "u2",
    "U8": "u1",
    "BOOL": "?",
}
MAX_HEADER = 100_000_000  # bytes, the limit of the format


def is_safetensors(start: bytes) -> bool:
    """Whether a file that begins with these 9 bytes is in this format."""
    return len(start) >= 9 and start[8:9] == b"{" and _length(start) <= MAX_HEADER


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors in the order of the file; bfloat16 as float32.

    Raises:
        Exception: damaged.
    """
    content = memoryview(path.read_bytes())
    data = content[8 + _length(content) :]
    table = json.loads(bytes(content[8 : 8 + _length(content)]))
    table.pop("__metadata__", None)
    entries = sorted(table.items(), key=lambda item: item[1]["data_offsets"])
    return {name: _tensor(name, entry, data) for name, entry in entries}


def _length(start: bytes | memoryview) -> int:
    return int.from_bytes(start[:8], "little")


def _tensor(name: str, entry: dict, data: memoryview) -> np.ndarray:
    if entry["dtype"] not in DTYPES:
        raise ValueError(f"tensor {name!r} has the type {entry['dtype']}, which kapps cannot read")
    dtype = DTYPES[entry["dtype"]]
    begin, end = entry["data_offsets"]
    if not 0 <= begin <= end <= len(data):
        raise ValueError(f"tensor {name!r} reaches beyond the end of the file")
    if end - begin != item_size(dtype) * math.prod(entry["shape"]):
        raise ValueError(f"tensor {name!r} does not have the bytes of its shape {entry['shape']}")
    return from_bytes(data[begin:end], dtype).reshape(entry["shape"])
