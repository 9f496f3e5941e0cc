"""A file of weights, whatever wrote it, as named numpy arrays, without Keras and torch."""

import os
import zipfile
from pathlib import Path

import numpy as np

from kapps.errors import KappsError, MissingFileError, WeightsError
from kapps.weights import _darknet, _safetensors

SUFFIXES = (
    *(".h5", ".hdf5", ".keras", ".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar"),
    ".weights",
)
HDF5 = b"\x89HDF\r\n\x1a\n"
PICKLE = b"\x80"
EXPECTED = (
    "expected .h5, .weights.h5 or .keras (Keras), .safetensors, .pth or .pt (torch), or .weights "
    "(Darknet)"
)
# What people often have in place of the file they wanted.
IMPOSTORS = (
    (
        b"version https://git-lfs",
        "is a Git LFS pointer; run `git lfs pull` to get the file itself.",
    ),
    (b"<!doctype", "is a web page; download the file itself."),
    (b"<html", "is a web page; download the file itself."),
)


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Every weight of a file by name; the content decides the format, not the file's name.

    Args:
        path: a file.

    Returns:
        Arrays in the order of the file and with its types (bfloat16 as float32), to be treated as
        read-only. Names: legacy Keras .h5 "layer/kernel", with the layers of a nested model in
        between; .weights.h5 and .keras the same, with the variable's number where its name cannot
        be told; torch and safetensors the names of the state dict, without "module." before all of
        them. A torch checkpoint with one state dict among other things gives that state dict. A
        file of Darknet has no names: its numbers are one array, "darknet".

    Raises:
        MissingFileError: there is no such file.
        WeightsError: empty, damaged, truncated, hostile, or of no format that kapps knows.
    """
    path = Path(path)
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; {EXPECTED}.")
    if not path.exists():
        raise MissingFileError(f"there is no file {path}; check the path.")
    with open(path, "rb") as file:
        start = file.read(32)
    if not start:
        raise WeightsError(f"{path} is empty; delete it and fetch it again.")
    for beginning, what in IMPOSTORS:
        if start.lower().startswith(beginning):
            raise WeightsError(f"{path} {what}")
    try:
        return _read(path, start)
    except KappsError:
        raise
    except Exception as error:
        # Damage can make a parser raise anything; the cause stays chained, for KAPPS_DEBUG.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise WeightsError(
            f"{path} is damaged or truncated ({reason}); delete it and fetch it again."
        ) from error


def _read(path: Path, start: bytes) -> dict[str, np.ndarray]:
    # First, for it begins with a number, which may begin as any other format does.
    if _safetensors.is_safetensors(start):
        return _safetensors.read(path)
    if start.startswith(HDF5):
        from kapps.weights import _keras_h5

        return _keras_h5.read_h5(path)
    if start.startswith(PICKLE):
        from kapps.weights import _torch

        return _torch.read_legacy(path)
    if _darknet.is_darknet(start):
        return _darknet.read(path)
    if not start.startswith(b"PK"):
        raise WeightsError(
            f"{path} begins with {start[:8]!r}, so it is no known format; {EXPECTED}."
        )
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "model.weights.h5" in names:
            from kapps.weights import _keras_h5

            return _keras_h5.read_keras(path, archive)
        if any(name.endswith("/data.pkl") for name in names):
            from kapps.weights import _torch

            return _torch.read_zip(path, archive)
    raise WeightsError(f"{path} is a zip without weights (it holds {names[:3]}); {EXPECTED}.")
