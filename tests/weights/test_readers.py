"""safetensors, and what holds for any format: bad files are one sentence."""

import collections
import json
import struct
import zipfile

import keras
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from kapps.errors import KappsError, MissingFileError, WeightsError
from kapps.weights import readers

from .arrays import assert_same


def test_safetensors(tmp_path):
    names = ["f4", "f2", "f8", "i8", "i4", "i2", "i1", "u1", "?"]
    arrays = {name: np.arange(6).astype(name).reshape(2, 3) for name in names}
    arrays |= {"scalar": np.float32(3), "empty": np.zeros((0, 2), "f4")}
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    path = tmp_path / "w.safetensors"
    safetensors.numpy.save_file(arrays, path, {"format": "pt"})
    found = readers.read(path)
    assert_same({name: found[name] for name in arrays}, arrays)
    assert len(found) == len(arrays)


def test_safetensors_bfloat16_becomes_float32(tmp_path):
    tensor = torch.tensor([1.5, -0.0, float("inf"), 3e38, 1e-40, torch.pi]).bfloat16()
    safetensors.torch.save_file({"w": tensor}, tmp_path / "w.safetensors")
    assert_same(readers.read(tmp_path / "w.safetensors"), {"w": tensor.float().numpy()})


def raw_safetensors(path, table, data=b""):
    header = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path


def test_the_length_of_a_header_may_begin_as_a_pickle_does(tmp_path):
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    name = "w" * (0x180 - len(json.dumps({"": entry})))
    path = raw_safetensors(tmp_path / "w.safetensors", {name: entry}, np.float32([3]).tobytes())
    assert path.read_bytes()[0] == 0x80
    assert readers.read(path)[name] == [3]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 16]}, "beyond the end"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}, "beyond the end"),
        ({"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}, "bytes of its shape"),
        ({"dtype": "F32", "shape": [-1], "data_offsets": [0, 8]}, "bytes of its shape"),
        ({"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]}, "F8_E4M3"),
        ({"dtype": "F32", "shape": [2]}, "damaged"),
        (7, "damaged"),
    ],
)
def test_damaged_safetensors(tmp_path, entry, message):
    path = raw_safetensors(tmp_path / "w.safetensors", {"w": entry}, b"\0" * 8)
    with pytest.raises(WeightsError, match=message):
        readers.read(path)


def every_file(folder):
    """One small good file of each format."""
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(30, name="d")])
    model.save(folder / "legacy.h5")
    model.save(folder / "model.keras")
    model.save_weights(folder / "model.weights.h5")
    state = collections.OrderedDict(w=torch.rand(20, 30))
    torch.save(state, folder / "zip.pth")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(state, folder / "w.safetensors")


FORMATS = ("legacy.h5", "model.keras", "model.weights.h5", "zip.pth", "legacy.pth", "w.safetensors")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    every_file(folder)
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_content_decides_and_not_the_suffix(files, tmp_path, name):
    expected = readers.read(files / name)
    (tmp_path / "weights.xyz").write_bytes((files / name).read_bytes())
    assert_same(readers.read(tmp_path / "weights.xyz"), expected)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("name", FORMATS)
def test_truncated_file_is_one_sentence(files, tmp_path, name, share):
    content = (files / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(WeightsError, match=name) as info:
        readers.read(path)
    assert len(str(info.value).splitlines()) == 1


@pytest.mark.parametrize("seed", range(2, 22))
@pytest.mark.parametrize("name", FORMATS)
def test_garbled_file_never_ends_in_a_foreign_error(files, tmp_path, name, seed):
    """Noise in the structure is refused; noise in the numbers cannot be seen without a hash."""
    rng = np.random.default_rng(seed)
    content = bytearray((files / name).read_bytes())
    for place in rng.integers(0, len(content), 20):
        content[place] = rng.integers(256)
    path = tmp_path / name
    path.write_bytes(content)
    try:
        readers.read(path)
    except KappsError as error:
        assert name in str(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello, world", "begins with b'hello, w'.*expected .h5"),
        (b"<!DOCTYPE html><html>404</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\x03\x04 nonsense", "damaged"),
        (b"\x80\x02 nonsense", "damaged"),
        (b"\x89HDF\r\n\x1a\n nonsense", "damaged"),
        (b"\x05\0\0\0\0\0\0\0{abcd", "damaged"),
    ],
)
def test_wrong_content_is_one_sentence(tmp_path, content, message):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        readers.read(path)


def test_zip_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("cat.jpg", b"x")
    with pytest.raises(WeightsError, match=r"zip without weights .*cat\.jpg"):
        readers.read(tmp_path / "photos.zip")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(MissingFileError, match="no file"):
        readers.read(tmp_path / "none.h5")
    with pytest.raises(WeightsError, match="is a folder"):
        readers.read(tmp_path)
