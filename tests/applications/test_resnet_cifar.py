"""ResNets for small images against the tables of their paper, and Wide ResNet."""

import math

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import FAMILIES, ResNet20, WideResNet28_10, facts

MILLIONS = {  # table 6 of He et al. (2015)
    "ResNet20": 0.27,
    "ResNet32": 0.46,
    "ResNet44": 0.66,
    "ResNet56": 0.85,
    "ResNet110": 1.7,
}


def test_parameters_are_those_of_the_paper():
    for name in FAMILIES["resnet_cifar"]:
        digits = 1 if name == "ResNet110" else 2
        assert round(facts(name)["params"] / 1e6, digits) == MILLIONS[name]
    assert facts("ResNet20")["params"] == 269_722  # counted by hand


def test_parameters_of_wide_resnet():
    assert facts("WideResNet28_10")["params"] == 36_479_194  # 36.5 million in table 4
    model = WideResNet28_10(weights=None)
    assert sum(math.prod(v.shape) for v in model.non_trainable_variables) == 17_952


@pytest.mark.parametrize("name", FAMILIES["resnet_cifar"])
def test_depth_counts_the_layers_with_kernels(name):
    model = getattr(kapps.applications, name)(weights=None)
    kernels = [x for x in model.layers if isinstance(x, keras.layers.Conv2D | keras.layers.Dense)]
    assert len(kernels) == int(name.removeprefix("ResNet"))


def test_the_plain_network_has_the_same_weights_and_no_shortcut():
    residual, plain = ResNet20(weights=None), ResNet20(weights=None, residual=False)
    assert [v.path for v in plain.variables] == [v.path for v in residual.variables]
    assert not any(isinstance(layer, keras.layers.Add) for layer in plain.layers)
    assert sum(isinstance(layer, keras.layers.Add) for layer in residual.layers) == 9


def test_shortcut_is_every_second_pixel_with_zeros_for_new_channels():
    model = ResNet20(weights=None)
    first = keras.config.image_data_format() == "channels_first"
    before = model.get_layer("stage1_block3_act").output
    after = model.get_layer("stage2_block1_shortcut_pad").output
    x = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    pair = keras.Model(model.input, [before, after])
    y, z = pair.predict(x.transpose(0, 3, 1, 2) if first else x, verbose=0)
    if first:
        y, z = y.transpose(0, 2, 3, 1), z.transpose(0, 2, 3, 1)
    assert z.shape == (1, 16, 16, 32)
    np.testing.assert_array_equal(z[..., :16], y[:, ::2, ::2])
    assert not z[..., 16:].any()


@pytest.mark.parametrize(("app", "width"), [(ResNet20, 1), (WideResNet28_10, 10)])
def test_pyramid(app, width):
    pyramid = app.features(weights=None, input_shape=(32, 32, 3), levels=(0, 1, 2))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (32, 32, 16 * width),
        (16, 16, 32 * width),
        (8, 8, 64 * width),
    ]
