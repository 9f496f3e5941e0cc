"""Strict assignment: everything fits, or nothing is assigned and the sentence says why."""

import keras
import numpy as np
import pytest

from kapps.errors import WeightsError
from kapps.weights import port


@pytest.fixture
def model():
    x = image = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(2, 3, name="stem_conv")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.1)(x)
    return keras.Model(image, keras.layers.Dense(5, name="predictions")(x), name="tiny")


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    shapes = {
        "stem_conv/kernel": (3, 3, 3, 2),
        "stem_conv/bias": (2,),
        "predictions/kernel": (2, 5),
        "predictions/bias": (5,),
    }
    return {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def held(model, name):
    return np.asarray(keras.ops.convert_to_numpy(port.variables_of(model)[name]))


def test_everything_is_loaded(model, arrays):
    report = port.assign(model, arrays, source="file")
    assert set(report.loaded) == set(arrays)
    assert (report.adapted, report.new, report.unused) == ((), (), ())
    for name, array in arrays.items():
        np.testing.assert_array_equal(held(model, name), array)
    assert str(report) == "file: 4 variables loaded"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: a.pop("stem_conv/bias"), "stem_conv/bias (2,) is missing"),
        (lambda a: a.update({"more/kernel": np.zeros(3)}), "more/kernel (3,) has no place"),
        (
            lambda a: a.update({"stem_conv/bias": np.zeros(3)}),
            "stem_conv/bias has shape (3,), expected (2,)",
        ),
        (
            lambda a: a.update({"predictions/bias": np.zeros(6)}),
            "predictions/bias has shape (6,), expected (5,)",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_assigned(model, arrays, change, sentence):
    change(arrays)
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(WeightsError) as error:
        port.assign(model, arrays, source="file.h5")
    assert sentence in str(error.value)
    assert str(error.value).startswith("file.h5 does not fit tiny: ")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_new_head_keeps_its_own_values(model, arrays):
    arrays["predictions/kernel"] = np.zeros((2, 1000), "float32")
    arrays["predictions/bias"] = np.zeros(1000, "float32")
    before = held(model, "predictions/kernel")
    report = port.assign(model, arrays, source="file", new_layers=("predictions",))
    assert report.new == ("predictions/kernel", "predictions/bias")
    np.testing.assert_array_equal(held(model, "predictions/kernel"), before)


def test_the_head_of_a_file_may_be_left_over(model, arrays):
    arrays["fc1/kernel"] = np.zeros((2, 2), "float32")
    report = port.assign(model, arrays, source="file", head_layers=("fc1",))
    assert report.unused == ("fc1/kernel",)


def test_bgr_is_turned_round(model, arrays):
    report = port.assign(model, arrays, source="file", stems=("stem_conv",), bgr=True)
    np.testing.assert_array_equal(
        held(model, "stem_conv/kernel"), arrays["stem_conv/kernel"][:, :, ::-1]
    )
    assert report.adapted == (("stem_conv/kernel", "input channels turned from BGR to RGB"),)


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_a_stem_for_other_channels_answers_a_gray_image_alike(arrays, channels):
    x = image = keras.Input((4, 4, channels))
    x = keras.layers.Conv2D(2, 3, name="stem_conv")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(5, name="predictions")(x))
    report = port.assign(model, arrays, source="file", stems=("stem_conv",))
    assert report.adapted[0][1] == f"from 3 to {channels} input channels"
    adapted = held(model, "stem_conv/kernel").sum(axis=2)
    if channels % 3 == 0 or channels == 1:  # a whole number of RGB groups
        np.testing.assert_allclose(adapted, arrays["stem_conv/kernel"].sum(axis=2), atol=1e-5)
    assert model.get_layer("stem_conv").kernel.shape[2] == channels
