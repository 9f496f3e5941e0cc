"""The kernels of each backend against Keras's own path: answers and gradients."""

import keras
import numpy as np
import pytest

import kapps
from kapps.layers import BatchNormalization, Conv2D, DepthwiseConv2D, RoIAlign, kernels
from kapps.layers.pooling import MaxPooling2D

RNG = np.random.default_rng(0)
NO_FIRST = pytest.mark.skipif(
    keras.config.backend() == "tensorflow", reason="TensorFlow has NHWC alone on a CPU"
)
FORMATS = ["channels_last", pytest.param("channels_first", marks=NO_FIRST)]


class Shift(keras.Layer):
    """Adds a weight for each pixel, whose gradient is that of the image."""

    def build(self, shape):
        self.pixels = self.add_weight(shape=shape[1:], initializer="zeros", name="pixels")

    def call(self, x):
        return x + self.pixels


def model_of(layer, shape, policy="float32"):
    image = keras.Input(shape)
    return keras.Model(image, layer(Shift(dtype=policy)(image)))


def step(model, x, y, **compiling):
    """Answers, then what one step of gradient descent at rate 1 changes, by variable."""
    answers = model.predict_on_batch(x)
    before = [np.array(v) for v in model.get_weights()]
    model.compile(keras.optimizers.SGD(1.0), "mse", **compiling)
    model.train_on_batch(x, y)
    changes = [b - a for a, b in zip(before, model.get_weights(), strict=True)]
    return np.asarray(answers, "float32"), changes


def assert_equal(model, x, *, forward=1e-6, backward=1e-5, **compiling):
    """One step of `model` and of its twin on Keras's own path give the same."""
    twin = keras.models.clone_model(model)
    for variable in model.weights:  # none of zeros or ones, which hide what is left out
        value = RNG.uniform(0.5, 1.5, variable.shape)
        variable.assign(value / max(1, np.prod(variable.shape[:-1])) ** 0.5)
    twin.set_weights(model.get_weights())
    y = RNG.normal(size=(len(x), *model.output_shape[1:])).astype("float32")
    with kernels.reference():
        expected = step(twin, x, y, **compiling)
    found = step(model, x, y, **compiling)
    assert_close(found[0], expected[0], forward)
    for one, other, variable in zip(found[1], expected[1], model.weights, strict=True):
        # A change is the difference of two values, each of which is rounded.
        rounding = np.spacing(np.abs(np.asarray(variable)).max())
        assert_close(one, other, backward, variable.path, rounding)


def assert_close(found, expected, relative, name="", rounding=0.0):
    scale = max(np.abs(expected).max(), 1e-2)  # some sums are zero but for their rounding
    assert np.abs(found - expected).max() <= relative * scale + rounding, name


def pixels(shape, data_format, batch=4):
    x = RNG.normal(size=(batch, *shape)).astype("float32")
    return x if data_format == "channels_last" else np.ascontiguousarray(np.moveaxis(x, -1, 1))


LAST = "channels_last"
FIRST = "channels_first"
CONVOLUTIONS = [  # kernel, strides, padding, dilation, groups, bias, data format
    (1, 1, "valid", 1, 1, True, LAST),
    (1, 2, "same", 1, 1, False, LAST),
    (1, 1, "same", 1, 2, False, LAST),
    (3, 2, "same", 1, 1, False, LAST),
    (3, 2, "valid", 1, 1, False, LAST),
    (5, 1, "same", 2, 1, False, LAST),
    ((1, 3), 1, "same", 1, 1, False, LAST),
    (3, 2, "same", 1, 2, True, LAST),
    (3, 1, "same", 2, 4, False, LAST),
    (1, 2, "same", 1, 1, True, FIRST),
    (3, 2, "same", 1, 1, False, FIRST),
    (3, 1, "same", 1, 4, True, FIRST),
]


def formats(rows):
    """The rows, those with channels first only where the backend has them."""
    return [pytest.param(*row, marks=[NO_FIRST] * (row[-1] == FIRST)) for row in rows]


@pytest.mark.parametrize(
    ("size", "strides", "padding", "dilation", "groups", "bias", "data_format"),
    formats(CONVOLUTIONS),
)
def test_a_convolution_is_that_of_keras(
    size, strides, padding, dilation, groups, bias, data_format
):
    x = pixels((9, 10, 8), data_format)
    layer = Conv2D(12, size, strides, padding, data_format, dilation, groups, use_bias=bias)
    assert_equal(model_of(layer, x.shape[1:]), x)


def test_a_kernel_of_one_pixel_that_passes_over_the_last_row_learns():
    """TensorFlow's own gradient of it writes outside its memory, so here it is by hand."""
    x = pixels((64, 64, 3), LAST)
    model = model_of(Conv2D(4, 1, 2, use_bias=False), x.shape[1:])
    kernel = np.array(model.get_weights()[-1])[0, 0]
    seen = x[:, ::2, ::2].reshape(-1, 3)
    expected = seen @ kernel
    answers, changes = step(model, x, np.zeros((4, 32, 32, 4), "float32"))
    np.testing.assert_allclose(answers.reshape(-1, 4), expected, rtol=1e-5, atol=1e-5)
    slope = 2 / expected.size * seen.T @ expected
    np.testing.assert_allclose(changes[-1][0, 0], -slope, rtol=1e-4, atol=1e-6)


class Cut(RoIAlign):
    """The same two regions of every map."""

    def call(self, x):
        boxes = [[[3.0, 2.0, 40.0, 30.0], [10.5, -4.0, 70.0, 20.0]]] * 4
        return super().call([[x], keras.ops.convert_to_tensor(boxes)])

    def compute_output_spec(self, x):
        return keras.KerasTensor((4, 2, *self.size, x.shape[-1]), "float32")


def test_regions_are_those_of_keras():
    assert_equal(model_of(Cut((2, 3), 8, data_format=LAST), (5, 7, 3)), pixels((5, 7, 3), LAST))


DEPTHWISE = [  # kernel, strides, padding, dilation, depth multiplier, bias, data format
    (3, 1, "same", 1, 1, False, LAST),
    (3, 2, "valid", 1, 2, False, LAST),
    (5, 2, "same", 1, 1, False, LAST),
    (3, 1, "same", 2, 1, True, LAST),
    ((3, 5), 1, "valid", 1, 1, False, LAST),
    (3, 2, "same", 1, 1, True, FIRST),
    (2, 1, "same", 1, 3, False, FIRST),
]


@pytest.mark.parametrize(
    ("size", "strides", "padding", "dilation", "multiplier", "bias", "data_format"),
    formats(DEPTHWISE),
)
def test_a_depthwise_convolution_is_that_of_keras(
    size, strides, padding, dilation, multiplier, bias, data_format
):
    x = pixels((9, 10, 6), data_format, batch=6)
    layer = DepthwiseConv2D(
        size, strides, padding, multiplier, data_format, dilation, use_bias=bias
    )
    assert_equal(model_of(layer, x.shape[1:]), x)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(("scale", "center"), [(True, True), (False, True), (True, False)])
def test_batch_normalisation_is_that_of_keras(scale, center, data_format):
    x = pixels((5, 6, 8), data_format, batch=8) * 3 + 1
    axis = -1 if data_format == "channels_last" else 1
    layer = BatchNormalization(axis, momentum=0.9, scale=scale, center=center)
    assert_equal(model_of(layer, x.shape[1:]), x)


def test_batch_normalisation_of_features_is_that_of_keras():
    x = RNG.normal(size=(16, 8)).astype("float32")
    assert_equal(model_of(BatchNormalization(), (8,)), x)


def test_a_frozen_normalisation_keeps_its_averages():
    layer = BatchNormalization(trainable=False)
    model = model_of(layer, (4, 4, 3))
    step(model, *(pixels((4, 4, 3), "channels_last") for _ in range(2)))
    np.testing.assert_array_equal(np.asarray(layer.get_weights()[2:]), [[0] * 3, [1] * 3])


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_maximum_pooling_is_that_of_keras(padding, data_format):
    x = pixels((9, 10, 4), data_format)
    layer = MaxPooling2D(3, 2, padding, data_format)
    assert_equal(model_of(layer, x.shape[1:]), x)


LAYERS = {
    "conv": lambda policy: Conv2D(8, 1, dtype=policy),
    "grouped": lambda policy: Conv2D(8, 3, padding="same", groups=4, dtype=policy),
    "depthwise": lambda policy: DepthwiseConv2D(3, padding="same", dtype=policy),
    "norm": lambda policy: BatchNormalization(dtype=policy),
}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("kind", LAYERS)
def test_mixed_precision_is_as_precise(kind, policy):
    # A step of the shorter mantissa: 2^-8 and 2^-11, and a few of them in a gradient.
    digits = 2**-8 if policy == "mixed_bfloat16" else 2**-11
    model = model_of(LAYERS[kind](policy), (6, 6, 8), policy)
    x = pixels((6, 6, 8), "channels_last")
    assert_equal(model, x, forward=2 * digits, backward=8 * digits)
    assert model.layers[-1].compute_dtype == policy.removeprefix("mixed_")


@pytest.mark.skipif(keras.config.backend() == "torch", reason="torch.compile takes minutes")
@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("kind", LAYERS)
def test_compiled_or_not_the_numbers_are_the_same(kind, jit_compile):
    model = model_of(LAYERS[kind]("float32"), (6, 6, 8))
    x = pixels((6, 6, 8), "channels_last")
    assert_equal(model, x, forward=2e-6, backward=2e-5, jit_compile=jit_compile)


def test_a_layer_is_keras_own_to_everybody_else():
    pairs = [
        (Conv2D(4, 3, name="a"), keras.layers.Conv2D(4, 3, name="a")),
        (DepthwiseConv2D(3, name="a"), keras.layers.DepthwiseConv2D(3, name="a")),
        (BatchNormalization(name="a"), keras.layers.BatchNormalization(name="a")),
        (MaxPooling2D(2, name="a"), keras.layers.MaxPooling2D(2, name="a")),
    ]
    for ours, theirs in pairs:
        assert isinstance(ours, type(theirs))
        assert ours.get_config() == theirs.get_config()
        for layer in (ours, theirs):
            layer.build((None, 8, 8, 4))
        assert [(v.path, v.shape) for v in ours.weights] == [
            (v.path, v.shape) for v in theirs.weights
        ]


def test_files_of_plain_keras_layers_load_and_agree(tmp_path):
    """Models that were saved before the kernels came hold Keras's layers; weights interchange."""
    shape = (32, 32, 3)
    model = kapps.applications.MobileNetV2(alpha=0.35, weights=None, input_shape=shape, classes=7)

    def plain(layer):
        kind = getattr(keras.layers, type(layer).__name__, type(layer))
        return kind.from_config(layer.get_config())

    old = keras.models.clone_model(model, clone_function=plain)
    assert type(old.get_layer("stem_conv")) is keras.layers.Conv2D
    old.save(tmp_path / "old.keras")
    old.save_weights(tmp_path / "old.weights.h5")
    images = RNG.uniform(0, 255, (2, *shape)).astype("float32")
    expected = old.predict(images, verbose=0)
    loaded = keras.saving.load_model(tmp_path / "old.keras")
    np.testing.assert_allclose(loaded.predict(images, verbose=0), expected, rtol=1e-6)
    model.load_weights(tmp_path / "old.weights.h5")
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, rtol=1e-5)
