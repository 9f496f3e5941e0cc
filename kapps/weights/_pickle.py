"""Pickles that can build tensors and plain containers, and nothing else.

A pickle is a program. Of its instructions, only those that name a Python object ("globals") can do
harm, so every name is looked up in the short table below and never imported; whatever else a file
asks for, it is refused before anything was called. What the table offers are inert stand-ins: they
have no attributes that a file could set.
"""

import pickle
from collections.abc import Callable
from typing import IO, NamedTuple

from kapps.errors import WeightsError
from kapps.weights._raw import BFLOAT16

STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
    "ComplexFloatStorage": "c8",
    "ComplexDoubleStorage": "c16",
}


class Storage(NamedTuple):
    """A run of numbers that the file holds elsewhere, under `key`."""

    dtype: str
    key: str
    count: int


class Tensor(NamedTuple):
    """A view of a storage, in numbers: where it starts, its shape and its strides."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Forbidden(WeightsError):
    """The file asks for something that is neither a tensor nor a plain container."""


class _Dict(dict):
    """An OrderedDict of the file; torch hangs a `_metadata` on its state dicts, dropped here."""

    __slots__ = ()

    def __setstate__(self, state):
        pass


class _Function:
    """A callable of the table; frozen, as a pickle may set the attributes of what it holds."""

    __slots__ = ("call",)

    def __init__(self, call: Callable):
        object.__setattr__(self, "call", call)

    def __setattr__(self, name, value):
        raise pickle.UnpicklingError(f"the file sets the attribute {name!r}")

    def __call__(self, *arguments):
        return self.call(*arguments)


def _tensor(storage, offset, shape, strides, *_rest) -> Tensor:
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("a tensor has no storage")
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(type(n) is int and n >= 0 for n in numbers):
        raise pickle.UnpicklingError("a tensor has an impossible shape")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if 0 not in shape and last >= storage.count:
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


GLOBALS = {
    ("collections", "OrderedDict"): _Function(_Dict),
    ("torch", "Size"): _Function(tuple),
    ("torch._utils", "_rebuild_tensor"): _Function(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Function(lambda tensor, *_rest: tensor),
    ("torch._utils", "_rebuild_parameter_with_state"): _Function(lambda tensor, *_rest: tensor),
    **{("torch", name): dtype for name, dtype in STORAGES.items()},
}


class Unpickler(pickle.Unpickler):
    """Loads one pickle; tensors come back as `Tensor` stand-ins.

    Args:
        file: open for reading, at the start of the pickle.
        source: what errors call the file.
    """

    def __init__(self, file: IO[bytes], source: object):
        super().__init__(file)
        self.source = source

    def find_class(self, module: str, name: str):
        if (module, name) not in GLOBALS:
            raise Forbidden(
                f"{self.source} asks for {module}.{name}, which is neither a tensor nor a plain "
                "container, so it was not opened; save only the weights: "
                "torch.save(model.state_dict(), path)."
            )
        return GLOBALS[module, name]

    def persistent_load(self, pid) -> Storage:
        kind, dtype, key, _location, count, *views = pid
        if kind != "storage" or dtype not in STORAGES.values() or type(count) is not int:
            raise pickle.UnpicklingError(f"a storage of an unknown kind, {kind!r}")
        if views and views[0] is not None:
            raise pickle.UnpicklingError("its storages are views, as before torch 0.4")
        return Storage(dtype, str(key), count)


def load(file: IO[bytes], source: object) -> object:
    """The object of one pickle.

    Raises:
        Forbidden: it asks for anything else than tensors and plain containers.
        Exception: it is no pickle, or a damaged one.
    """
    return Unpickler(file, source).load()
