"""Keras's files come back as Keras says they are, by layer and variable."""

import h5py
import keras
import numpy as np
import pytest

from kapps.errors import WeightsError
from kapps.weights import readers

from .arrays import assert_same


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
        ("separableconvolution2d_1", "separableconvolution2d_1_pointwise_kernel:0",
         "separableconvolution2d_1/pointwise_kernel"),
        ("batchnormalization_1", "batchnormalization_1_beta:0", "batchnormalization_1/beta"),
        ("batchnormalization_1", "batchnormalization_1_running_std:0",
         "batchnormalization_1/moving_variance"),
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
