"""NASNet against keras.applications and timm."""

import math

import keras
import numpy as np
import pytest
from keras.src.applications import nasnet as keras_nasnet

from kapps.applications import NASNetLarge, NASNetMobile, nasnet
from kapps.layers import Blocks
from tests.parity import goldens, keras_reference


class _AnyBackend:
    """Keras 3.15 refuses NASNetMobile on torch by the backend's name, though it runs there."""

    def __getattr__(self, name):
        return getattr(keras.src.backend, name)

    @staticmethod
    def backend():
        return "any"


@pytest.mark.parametrize(
    ("app", "size", "expected"),
    [
        (NASNetMobile, 32, 5_289_978),
        pytest.param(NASNetLarge, 32, 88_753_150, marks=pytest.mark.sweep),
    ],
)
def test_parameters(app, size, expected):
    model = app(weights=None, input_shape=(size, size, 3))
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == expected


@pytest.mark.sweep
def test_equals_timm():
    assert goldens.relative_error("timm/nasnetalarge") <= 1e-5


@pytest.mark.parametrize(
    ("name", "size", "include_top", "include_preprocessing"),
    [
        ("NASNetMobile", 64, True, True),
        pytest.param("NASNetMobile", 99, False, False, marks=pytest.mark.sweep),
        pytest.param("NASNetLarge", 64, True, True, marks=pytest.mark.sweep),
    ],
)
def test_equals_keras(tmp_path, monkeypatch, name, size, include_top, include_preprocessing):
    monkeypatch.setattr(keras_nasnet, "backend", _AnyBackend())
    error = keras_reference.relative_error(
        name,
        tmp_path,
        size=size,
        include_top=include_top,
        include_preprocessing=include_preprocessing,
        norm_scale=0.7,
    )
    assert error <= 1e-5


def test_a_size_known_only_when_it_runs_gives_the_same():
    # Its padding depends on whether a map has an odd or an even size.
    def tiny(height, width):
        image = keras.Input((height, width, 3))
        return keras.Model(
            image,
            nasnet.backbone(
                image,
                Blocks(),
                penultimate_filters=96,
                num_blocks=1,
                stem_block_filters=8,
                skip_reduction=False,
                zeros_count=("max_pool", "avg_pool"),
            ),
        )

    free, fixed = tiny(None, None), tiny(67, 50)
    fixed.set_weights(free.get_weights())
    x = np.random.default_rng(0).normal(size=(1, 67, 50, 3)).astype("float32")
    expected = fixed.predict(x, verbose=0)
    assert expected.shape == (1, 3, 2, 96)
    np.testing.assert_allclose(free.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_stage_widths_and_strides():
    # 1056 filters at the end are six maps of 176; each halving doubles the width.
    pyramid = NASNetMobile.features(weights=None, input_shape=(224, 224, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (56, 56, 44),
        (28, 28, 264),
        (14, 14, 528),
        (7, 7, 1056),
    ]
