"""torch's .pth and .pt files, read without torch: the zip format and the one before it."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kapps.errors import WeightsError
from kapps.weights import _pickle
from kapps.weights._raw import from_bytes, item_size

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
PARALLEL = "module."  # what DataParallel puts before every name
HINT = "save the part you want with torch.save(checkpoint[...], path)"


def read_zip(path: Path, archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """The tensors of a file of `torch.save` since torch 1.6.

    Raises:
        WeightsError: hostile, a TorchScript program, or without tensors.
        Exception: damaged.
    """
    names = archive.namelist()
    root = next(name for name in names if name.endswith("/data.pkl")).removesuffix("data.pkl")
    if f"{root}constants.pkl" in names:
        raise WeightsError(f"{path} is a TorchScript program, not weights; {HINT}.")
    order = f"{root}byteorder"
    little_endian = order not in names or archive.read(order) != b"big"
    content = _pickle.load(io.BytesIO(archive.read(f"{root}data.pkl")), path)
    arrays: dict[str, np.ndarray] = {}

    def array_of(storage: _pickle.Storage) -> np.ndarray:
        if storage.key not in arrays:
            raw = archive.read(f"{root}data/{storage.key}")
            arrays[storage.key] = from_bytes(raw, storage.dtype, little_endian)
        return arrays[storage.key]

    return _state_dict(content, array_of, path)


def read_legacy(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file of `torch.save` before torch 1.6: pickles, then raw storages.

    Raises:
        WeightsError: hostile, not of torch, or without tensors.
        Exception: damaged.
    """
    with open(path, "rb") as file:
        if _pickle.load(file, path) != LEGACY_MAGIC:
            raise WeightsError(f"{path} is a pickle, but not one of torch; {HINT}.")
        if _pickle.load(file, path) != LEGACY_PROTOCOL:
            raise ValueError("its protocol version is unknown")
        _pickle.load(file, path)  # sizes of C types on the machine that wrote it
        content = _pickle.load(file, path)
        keys = _pickle.load(file, path)
        kinds = {tensor.storage.key: tensor.storage.dtype for tensor in _tensors_in(content)}
        arrays = {key: _legacy_storage(file, kinds.get(key)) for key in keys}
    return _state_dict(content, lambda storage: arrays[storage.key], path)


def _legacy_storage(file, dtype: str | None) -> np.ndarray | None:
    """The next storage: its count as int64, then its bytes, both little-endian."""
    if dtype is None:
        raise ValueError("a storage belongs to no tensor")
    count = int.from_bytes(file.read(8), "little")
    raw = file.read(count * item_size(dtype))
    if len(raw) != count * item_size(dtype):
        raise ValueError("it ends in the middle of a tensor")
    return from_bytes(raw, dtype)


def _tensors_in(value: object) -> list[_pickle.Tensor]:
    """Every tensor in nested containers."""
    found, waiting, seen = [], [value], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, _pickle.Tensor):
            found.append(one)
        elif isinstance(one, dict | list | tuple | set) and id(one) not in seen:
            seen.add(id(one))  # a container may hold itself
            waiting.extend(one.values() if isinstance(one, dict) else one)
    return found


def _state_dict(
    content: object, array_of: Callable[[_pickle.Storage], np.ndarray], path: Path
) -> dict[str, np.ndarray]:
    """The named tensors of what the file holds: itself, or its one entry that is a state dict."""
    state = content if _is_state_dict(content) else _only_entry(content, path)
    tensors = {name: value for name, value in state.items() if isinstance(value, _pickle.Tensor)}
    if all(name.startswith(PARALLEL) for name in tensors):
        tensors = {name.removeprefix(PARALLEL): tensor for name, tensor in tensors.items()}
    return {name: _view(tensor, array_of(tensor.storage)) for name, tensor in tensors.items()}


def _is_state_dict(value: object) -> bool:
    """Names to tensors; numbers and the like among them are no weights and do not matter."""
    return (
        isinstance(value, dict)
        and all(isinstance(name, str) for name in value)
        and any(isinstance(one, _pickle.Tensor) for one in value.values())
    )


def _only_entry(content: object, path: Path) -> dict:
    entries = content if isinstance(content, dict) else {}
    found = {name: value for name, value in entries.items() if _is_state_dict(value)}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        names = ", ".join(map(repr, found))
        raise WeightsError(f"{path} holds several sets of weights ({names}); {HINT}.")
    raise WeightsError(f"{path} holds no named tensors; {HINT}.")


def _view(tensor: _pickle.Tensor, storage: np.ndarray) -> np.ndarray:
    if len(storage) < tensor.storage.count:
        raise ValueError(f"a storage has {len(storage)} numbers, not {tensor.storage.count}")
    start = storage[tensor.offset :]
    strides = [step * storage.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(start, tensor.shape, strides, writeable=False)
