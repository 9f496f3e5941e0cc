"""Arrays come back as Keras, torch and safetensors say they are; bad files are one sentence."""

import collections
import io
import json
import os
import pickle
import struct
import zipfile

import h5py
import keras
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from kapps.errors import KappsError, MissingFileError, WeightsError
from kapps.weights import catalog, readers, sources


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array)


# Keras


def small_model(dtype=None):
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 255, name="preprocessing")(inputs)
    x = layers.Conv2D(4, 3, name="stem_conv", dtype=dtype)(x)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.DepthwiseConv2D(3, use_bias=False, name="stem_conv_1")(x)
    x = layers.BatchNormalization(name="norm_b", scale=False, center=False)(x)
    x = layers.SeparableConv2D(5, 1, name="sep")(x)
    x = layers.LayerNormalization(name="ln")(x)
    nested = keras.Sequential([layers.Conv2D(6, 1, name="a"), layers.PReLU(name="p")], name="inner")
    x = layers.Dropout(0.1)(nested(x))
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, name="predictions")(x)
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(0)
    model.set_weights([rng.random(w.shape).astype("float32") for w in model.get_weights()])
    return model


def expected_arrays(model, prefix=""):
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= expected_arrays(layer, f"{prefix}{layer.name}/")
        elif not isinstance(layer, keras.layers.Dropout):
            for variable in layer.variables:
                name = f"{prefix}{layer.name}/{variable.path.rpartition('/')[2]}"
                found[name] = keras.ops.convert_to_numpy(variable)
    return found


@pytest.mark.parametrize("file", ["model.h5", "model.weights.h5", "model.keras"])
def test_keras_files_by_layer_and_variable(tmp_path, file):
    model = small_model()
    path = tmp_path / file
    (model.save_weights if ".weights." in file else model.save)(path)
    found = readers.read(path)
    expected = expected_arrays(model)
    assert_same({name: found[name] for name in expected if name in found}, expected)
    assert len(found) == len(expected)


def test_keras_order_is_that_of_the_model(tmp_path):
    model = small_model()
    for file in ("model.h5", "model.keras"):
        model.save(tmp_path / file)
        layers = [name.split("/")[0] for name in readers.read(tmp_path / file)]
        assert list(dict.fromkeys(layers)) == [
            "stem_conv", "stem_norm", "stem_conv_1", "norm_b", "sep", "ln", "inner", "predictions"
        ]  # fmt: skip


def test_optimizer_and_metrics_are_no_weights(tmp_path):
    model = small_model()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros((2, 8, 8, 3)), np.zeros(2), verbose=0)
    expected = expected_arrays(model)
    for file in ("model.h5", "model.keras", "model.weights.h5"):
        (model.save_weights if ".weights." in file else model.save)(tmp_path / file)
        assert set(readers.read(tmp_path / file)) == set(expected)


def test_keras_bfloat16_becomes_float32(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="d", dtype="bfloat16")])
    kernel = keras.ops.convert_to_numpy(keras.ops.cast(model.layers[0].kernel, "float32"))
    for file in ("model.h5", "model.keras", "model.weights.h5"):
        (model.save_weights if ".weights." in file else model.save)(tmp_path / file)
        found = readers.read(tmp_path / file)
        assert found["d/kernel"].dtype == np.float32
        np.testing.assert_array_equal(found["d/kernel"], kernel)


def write_legacy(path, layers, inside=None):
    """A file as Keras 1 and 2 wrote it: {layer: {weight name: array}}."""
    with h5py.File(path, "w") as file:
        root = file.create_group(inside) if inside else file
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for layer, weights in layers.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in weights]
            for name, array in weights.items():
                group[name] = array


ONE = np.arange(6, dtype="float32").reshape(2, 3)


@pytest.mark.parametrize("inside", [None, "model_weights"])
@pytest.mark.parametrize(
    ("layer", "weight", "expected"),
    [
        ("conv1", "conv1/kernel:0", "conv1/kernel"),
        ("conv1", "conv1_2/kernel:0", "conv1/kernel"),
        ("block1_conv1", "block1_conv1_W_1:0", "block1_conv1/kernel"),
        ("block1_conv1", "block1_conv1_b_1:0", "block1_conv1/bias"),
        ("bn_Conv1", "bn_Conv1/moving_mean:0", "bn_Conv1/moving_mean"),
        ("expanded_conv/depthwise", "expanded_conv/depthwise/depthwise_kernel:0",
         "expanded_conv/depthwise/depthwise_kernel"),
        ("convnext_tiny_stem", "convnext_tiny_stem_conv/kernel:0",
         "convnext_tiny_stem/convnext_tiny_stem_conv/kernel"),
        ("layer_scale", "Variable:0", "layer_scale/Variable"),
        ("stem", "functional/stem/kernel", "stem/kernel"),
    ],
)  # fmt: skip
def test_names_of_legacy_files(tmp_path, inside, layer, weight, expected):
    write_legacy(tmp_path / "w.h5", {"input_1": {}, layer: {weight: ONE}}, inside)
    assert_same(readers.read(tmp_path / "w.h5"), {expected: ONE})


def test_long_lists_of_names_that_keras_cut(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for part, names in enumerate((["b", "c"], ["a"])):
            file.attrs[f"layer_names{part}"] = [name.encode() for name in names]
            for name in names:
                group = file.create_group(name)
                group.attrs["weight_names"] = [f"{name}/kernel:0".encode()]
                group[f"{name}/kernel:0"] = ONE
    assert list(readers.read(tmp_path / "w.h5")) == ["b/kernel", "c/kernel", "a/kernel"]


def test_nested_groups_of_convnext(tmp_path):
    model = keras.applications.ConvNeXtTiny(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    model.save(tmp_path / "convnext.h5")
    found = readers.read(tmp_path / "convnext.h5")
    stem = model.get_layer("convnext_tiny_stem").layers[0]
    np.testing.assert_array_equal(
        found["convnext_tiny_stem/convnext_tiny_stem_conv/kernel"],
        keras.ops.convert_to_numpy(stem.kernel),
    )
    assert len(found) == len(model.weights)


@pytest.mark.parametrize("trick", ["link", "storage", "virtual", "size"])
def test_hdf5_that_reaches_out_of_the_file(tmp_path, trick):
    secret = tmp_path / "secret"
    with h5py.File(secret, "w") as file:
        file["d"] = ONE
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"a"]
        group = file.create_group("a")
        group.attrs["weight_names"] = [b"kernel:0"]
        if trick == "link":
            group["kernel:0"] = h5py.ExternalLink(str(secret), "d")
        elif trick == "storage":
            group.create_dataset("kernel:0", (10,), "u1", external=[(str(secret), 0, 10)])
        elif trick == "virtual":
            layout = h5py.VirtualLayout((2, 3), "f4")
            layout[:] = h5py.VirtualSource(str(secret), "d", (2, 3))
            group.create_virtual_dataset("kernel:0", layout)
        else:
            group.create_dataset("kernel:0", (1 << 40,), "f4", chunks=(1024,))
    with pytest.raises(WeightsError, match="refused"):
        readers.read(path)


def test_hdf5_of_something_else(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"] = ONE
    with pytest.raises(WeightsError, match="holds no weights of a Keras model"):
        readers.read(tmp_path / "data.h5")


# torch

TENSORS = {
    "conv.weight": torch.arange(24.0).reshape(2, 3, 2, 2),
    "half": torch.arange(5).half(),
    "double": torch.arange(3, dtype=torch.float64),
    "long": torch.tensor(7),
    "flags": torch.tensor([True, False]),
    "bytes": torch.arange(4, dtype=torch.uint8),
    "empty": torch.zeros(0, 3),
    "transposed": torch.arange(6.0).reshape(2, 3).T,
    "slice": torch.arange(10.0)[3:7],
    "expanded": torch.ones(1).expand(4),
    "channels_last": torch.rand(1, 2, 3, 4).to(memory_format=torch.channels_last),
}
ZIP = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


def save(content, path, is_zip):
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    return path


@ZIP
def test_torch_tensors(tmp_path, is_zip):
    path = save(TENSORS, tmp_path / "w.pth", is_zip)
    assert_same(readers.read(path), {name: t.numpy() for name, t in TENSORS.items()})


@ZIP
def test_torch_bfloat16_becomes_float32(tmp_path, is_zip):
    tensor = torch.randn(100).bfloat16()
    path = save({"w": tensor}, tmp_path / "w.pth", is_zip)
    assert_same(readers.read(path), {"w": tensor.float().numpy()})


@ZIP
def test_torch_module_with_shared_storage_and_parameters(tmp_path, is_zip):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    state = module.state_dict()
    state["again"] = state["0.weight"]
    state["parameter"] = torch.nn.Parameter(torch.ones(2))
    path = save(state, tmp_path / "w.pt", is_zip)
    assert_same(readers.read(path), {name: t.detach().numpy() for name, t in state.items()})


@ZIP
@pytest.mark.parametrize("key", ["state_dict", "model", "net"])
def test_torch_checkpoint_around_a_state_dict(tmp_path, is_zip, key):
    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    content = {"epoch": 3, "arch": "linear", "optimizer": optimizer.state_dict(), "best": 0.5}
    path = save(content | {key: model.state_dict()}, tmp_path / "w.pth", is_zip)
    assert_same(readers.read(path), {k: t.numpy() for k, t in model.state_dict().items()})


def test_torch_data_parallel_prefix_is_dropped(tmp_path):
    path = save({"module.a": torch.ones(1), "module.b": torch.ones(1)}, tmp_path / "w.pth", True)
    assert list(readers.read(path)) == ["a", "b"]


@pytest.mark.parametrize("index", range(3))
def test_the_published_lite_files(index):
    path = sources.fetch(catalog.find(f"EfficientNetLite{index}", "imagenet"))
    expected = torch.load(path, weights_only=True)
    assert_same(readers.read(path), {name: tensor.numpy() for name, tensor in expected.items()})


@ZIP
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": {"w": torch.ones(1)}, "b": {"w": torch.ones(1)}}, "several sets .*'a', 'b'"),
        ({"epoch": 3}, "holds no named tensors"),
        (torch.ones(3), "holds no named tensors"),
        ([torch.ones(3)], "holds no named tensors"),
    ],
)  # fmt: skip
def test_torch_files_without_one_state_dict(tmp_path, is_zip, content, message):
    with pytest.raises(WeightsError, match=message):
        readers.read(save(content, tmp_path / "w.pth", is_zip))


class Payload:
    """What a hostile file does when it is unpickled: `reduce` is called."""

    def __init__(self, *reduce):
        self.reduce = reduce

    def __reduce__(self):
        return self.reduce


FORBIDDEN = {
    "system": (Payload(os.system, ("touch {mark}",)), r"posix\.system|nt\.system"),
    "eval": (Payload(eval, ("open('{mark}', 'w')",)), r"(__builtin__|builtins)\.eval"),
    "getattr": (Payload(getattr, ("", "join")), r"(__builtin__|builtins)\.getattr"),
    "module": (torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear"),
    "numpy": (np.float64(1), r"numpy\._core\.multiarray\.scalar"),
    "dtype": (torch.float32, r"torch\.float32|builtins\.getattr"),
    "load": (Payload(torch.load, ("x",)), r"torch\.serialization\.load"),
    "partial": (__import__("functools").partial(print), r"functools\.partial"),
}


@ZIP
@pytest.mark.parametrize("name", FORBIDDEN)
def test_hostile_pickle_is_refused_and_does_nothing(tmp_path, is_zip, name):
    payload, forbidden = FORBIDDEN[name]
    mark = tmp_path / "executed"
    if isinstance(payload, Payload):
        call, arguments = payload.reduce
        filled = tuple(a.replace("{mark}", str(mark)) for a in arguments)
        payload = Payload(call, filled)
    path = save({"w": torch.ones(2), "evil": payload}, tmp_path / "w.pth", is_zip)
    with pytest.raises(WeightsError, match=rf"({forbidden}), which is neither a tensor") as info:
        readers.read(path)
    assert len(str(info.value).splitlines()) == 1
    assert not mark.exists()


def legacy_file(path, stream):
    """A file of the format before zip whose main pickle is these bytes."""
    start = b"".join(pickle.dumps(o, 2) for o in (0x1950A86A20F9469CFC6C, 1001, {}))
    path.write_bytes(start + stream + pickle.dumps([], 2))
    return path


REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQ"
)


@pytest.mark.parametrize(
    "stream",
    [
        # Attributes of what the table offers: BUILD with a dict, and with (None, {...}).
        REBUILD + b"}X\x04\x00\x00\x00calllccollections\nOrderedDict\nsb.",
        REBUILD + b"N}X\x04\x00\x00\x00callccollections\nOrderedDict\ns\x86b.",
        b"ccollections\nOrderedDict\nN}X\x08\x00\x00\x00__init__Ns\x86b.",
        # Calls with nonsense.
        REBUILD + b")R.",
        REBUILD + b"(NK\x00))tR.",
        REBUILD + b"(" + STORAGE + b"K\x00K\x05\x85K\x01\x85\x89NtR.",  # reaches beyond its storage
        REBUILD + b"(" + STORAGE + b"K\x00K\x02\x85J\xff\xff\xff\xff\x85\x89NtR.",  # stride -1
        b"ctorch\nSize\nK\x05\x85R.",
        b"(X\x06\x00\x00\x00modulectorch\nFloatStorage\nX\x01\x00\x00\x000NK\x02tQ.",
        b"K\x05Q.",
        b"\x82\x01.",  # extension code
        b"h\x05.",  # memo that is not there
        b"c__builtin__\neval\n.",
        b"\x8c\x02os\x8c\x06system\x93.",
        b"i__builtin__\neval\n.",
        b"(" * 10,
        b"",
    ],
    ids=range(17),
)
def test_hostile_instructions(tmp_path, stream):
    with pytest.raises(WeightsError) as info:
        readers.read(legacy_file(tmp_path / "w.pth", b"\x80\x04" + stream))
    assert "w.pth" in str(info.value)


def test_tokens_of_the_table_cannot_be_changed():
    from kapps.weights import _pickle

    token = _pickle.GLOBALS["torch._utils", "_rebuild_tensor_v2"]
    before = token.call
    stream = REBUILD + b"N}X\x04\x00\x00\x00callNs\x86b."
    with pytest.raises(pickle.UnpicklingError, match="sets the attribute 'call'"):
        _pickle.load(io.BytesIO(stream), "x")
    assert token.call is before


def test_huge_tensor_of_one_number_takes_no_memory(tmp_path):
    path = save({"w": torch.ones(1).expand(1 << 40)}, tmp_path / "w.pth", True)
    assert readers.read(path)["w"].shape == (1 << 40,)


def test_torchscript_says_what_it_is(tmp_path):
    torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1, 1)), tmp_path / "m.pt")
    with pytest.raises(WeightsError, match="TorchScript"):
        readers.read(tmp_path / "m.pt")


def test_plain_pickle_is_not_torch(tmp_path):
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"w": [1, 2]}))
    with pytest.raises(WeightsError, match="is a pickle, but not one of torch"):
        readers.read(tmp_path / "w.pth")


# safetensors


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


# Any format


def every_file(folder):
    """One small good file of each format."""
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(30, name="d")])
    model.save(folder / "legacy.h5")
    model.save(folder / "model.keras")
    model.save_weights(folder / "model.weights.h5")
    state = collections.OrderedDict(w=torch.rand(20, 30))
    save(state, folder / "zip.pth", True)
    save(state, folder / "legacy.pth", False)
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
