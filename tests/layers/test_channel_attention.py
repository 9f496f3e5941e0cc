"""Attention over channels against the formulas of its papers, in both data formats."""

import keras
import numpy as np
import pytest

from kapps.layers import (
    Blocks,
    efficient_channel_attention,
    selective_kernel,
    split_attention,
)

# TensorFlow has no channels-first convolutions on a CPU.
TENSORFLOW = keras.backend.backend() == "tensorflow"
FORMATS = ["channels_last"] if TENSORFLOW else ["channels_last", "channels_first"]


def model_of(function, data_format, channels, side=6):
    """`function(x, nn)` as a model with random weights, and all its layers as outputs by name."""
    last = data_format == "channels_last"
    image = keras.Input((side, side, channels) if last else (channels, side, side))
    nn = Blocks(data_format=data_format, padding="symmetric", norm_epsilon=1e-5)
    model = keras.Model(image, function(image, nn))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.2, 1.0, w.shape) - 0.4 * (w.ndim > 1) for w in model.weights])
    x = rng.uniform(-1, 1, (2, side, side, channels)).astype("float32")
    layers = model.layers[1:]
    outputs = keras.Model(image, [layer.output for layer in layers])
    values = outputs(x if last else x.transpose(0, 3, 1, 2), training=False)
    values = map(keras.ops.convert_to_numpy, values)
    if not last:
        values = (v.transpose(0, 2, 3, 1) if v.ndim == 4 else v for v in values)
    return model, x, dict(zip([layer.name for layer in layers], values, strict=True))


def weights_of(model, name):
    return [keras.ops.convert_to_numpy(w) for w in model.get_layer(name).weights]


def normalized(x, weights):
    gamma, beta, mean, variance = weights
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def grouped(s, kernel, bias, groups):
    """A 1x1 convolution of (batch, channels) whose groups see their own channels alone."""
    parts = np.split(s, groups, axis=1)
    kernels = np.split(kernel[0, 0], groups, axis=1)
    return np.concatenate([a @ b for a, b in zip(parts, kernels, strict=True)], axis=1) + bias


@pytest.mark.parametrize("data_format", FORMATS)
def test_efficient_channel_attention(data_format):
    model, x, y = model_of(
        lambda x, nn: efficient_channel_attention(x, nn, name="eca"), data_format, channels=8
    )
    (kernel,) = weights_of(model, "eca_conv")
    means = np.pad(x.mean(axis=(1, 2)), ((0, 0), (1, 1)))
    expected = sum(kernel[i, 0, 0] * means[:, i : i + 8] for i in range(3))
    expected = x * sigmoid(expected)[:, None, None]
    np.testing.assert_allclose(y["eca_scale"], expected, atol=1e-6)


# The paper's rule, for the widths of ResNet's stages and of MobileNetV2's first.
@pytest.mark.parametrize(
    ("channels", "size"), [(32, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7)]
)
def test_kernel_of_efficient_channel_attention(channels, size):
    image = keras.Input((2, 2, channels))
    model = keras.Model(image, efficient_channel_attention(image, Blocks(), name="eca"))
    assert model.count_params() == size


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("split", [True, False])
def test_selective_kernel(split, data_format):
    model, x, y = model_of(
        lambda x, nn: selective_kernel(x, nn, 6, 1, reduced=3, split=split, name="sk"),
        data_format,
        channels=4,
    )
    near, far = y["sk_path1_act"], y["sk_path2_act"]
    s = (near + far).mean(axis=(1, 2))
    (reduce,), (select,) = weights_of(model, "sk_reduce_conv"), weights_of(model, "sk_select_conv")
    z = np.maximum(normalized(s @ reduce[0, 0], weights_of(model, "sk_reduce_norm")), 0)
    a, b = np.split(z @ select[0, 0], 2, axis=1)
    near_weight = (np.exp(a) / (np.exp(a) + np.exp(b)))[:, None, None]
    expected = near * near_weight + far * (1 - near_weight)
    np.testing.assert_allclose(y["sk_mix"], expected, rtol=1e-5, atol=1e-5)
    inputs = 2 if split else 4
    assert model.get_layer("sk_path2_conv").kernel.shape == (3, 3, inputs, 6)


@pytest.mark.parametrize("side", [8, 9])
def test_a_dilated_kernel_strides_over_each_second_pixel(side):
    dense, strided = (
        model_of(
            lambda x, nn, strides=strides: selective_kernel(x, nn, 6, strides, reduced=3, name="s"),
            "channels_last",
            channels=4,
            side=side,
        )[2]
        for strides in (1, 2)
    )
    for path in ("s_path1_act", "s_path2_act"):
        np.testing.assert_allclose(strided[path], dense[path][:, ::2, ::2], atol=1e-5)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(("groups", "radix"), [(1, 2), (2, 2), (2, 3)])
def test_split_attention(groups, radix, data_format):
    model, x, y = model_of(
        lambda x, nn: split_attention(x, nn, 12, 1, groups, radix=radix, name="sa"),
        data_format,
        channels=12,
    )
    splits = np.stack(np.split(y["sa_act"], radix, axis=-1))  # radix, batch, height, width, 12
    s = splits.sum(axis=0).mean(axis=(1, 2))
    z = grouped(s, *weights_of(model, "sa_reduce_conv"), groups)
    z = np.maximum(normalized(z, weights_of(model, "sa_reduce_norm")), 0)
    z = grouped(z, *weights_of(model, "sa_select_conv"), groups)
    expected = np.zeros_like(splits[0])
    width = 12 // groups
    for group in range(groups):  # a softmax over the splits of each cardinal group
        own = slice(group * width, (group + 1) * width)
        logits = z[:, group * radix * width : (group + 1) * radix * width]
        e = np.exp(logits.reshape(-1, radix, width))
        for r, weight in enumerate(np.moveaxis(e / e.sum(axis=1, keepdims=True), 1, 0)):
            expected[..., own] += splits[r][..., own] * weight[:, None, None]
    np.testing.assert_allclose(y["sa_mix"], expected, rtol=1e-5, atol=1e-5)
