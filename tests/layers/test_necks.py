"""Necks against their equations, and blocks against the counts that their authors print."""

from functools import partial

import keras
import numpy as np
import pytest

from kapps.layers import (
    Blocks,
    WeightedSum,
    add_downsampled_levels,
    add_pooled_level,
    add_strided_levels,
    atrous_pyramid,
    bifpn,
    c2f,
    c3,
    feature_pyramid,
    path_aggregation,
    path_concatenation,
    spp,
    sppf,
)


def blocks(**settings):
    return Blocks(data_format=keras.config.image_data_format(), **settings)


def inputs(channels, size=16):
    """Level -> input: 16 x 16 pixels at level 3, half of that at each next one."""
    return {
        level: keras.Input((size >> i, size >> i, n))
        for i, (level, n) in enumerate(channels.items())
    }


def pictures(maps, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(2, *x.shape[1:])).astype("float32") for x in maps.values()]


def randomised(model, seed=1):
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        low = 0.5 if "variance" in variable.path else -1.0
        variable.assign(rng.uniform(low, 1, variable.shape))
    return model


def answers(model, images):
    return [keras.ops.convert_to_numpy(y) for y in model(images)]


def conv(x, layer, stride=1, dilation=1):
    """A convolution with zeros all around, by its definition."""
    kernel, bias = layer.get_weights() if layer.use_bias else (*layer.get_weights(), 0.0)
    size = kernel.shape[0]
    pad = dilation * (size - 1) // 2
    x = np.pad(x.astype("float64"), ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    reach = dilation * (size - 1)
    height, width = x.shape[1] - reach, x.shape[2] - reach
    y = sum(
        x[:, i * dilation : i * dilation + height, j * dilation : j * dilation + width]
        @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    )
    return y[:, ::stride, ::stride] + bias


def doubled(x):
    return x.repeat(2, 1).repeat(2, 2)


def test_a_pyramid_is_the_paper_s():
    maps = inputs({3: 3, 4: 4, 5: 5})
    nn = blocks(padding="symmetric")
    found = feature_pyramid(maps, nn, 6)
    found = add_strided_levels(add_pooled_level(found, nn), nn, 6, source=maps[5], name="more")
    assert list(found) == [3, 4, 5, 6, 7, 8]
    model = randomised(keras.Model(list(maps.values()), list(found.values())))
    images = pictures(maps)
    got, layer = answers(model, images), model.get_layer
    inner = {}
    for level, x in zip((5, 4, 3), images[::-1], strict=True):
        inner[level] = conv(x, layer(f"fpn_lateral{level}_conv"))
        if level < 5:
            inner[level] += doubled(inner[level + 1])
    expected = [conv(inner[level], layer(f"fpn_output{level}_conv")) for level in (3, 4, 5)]
    expected.append(expected[2][:, ::2, ::2])
    seventh = conv(images[2], layer("more_output7_conv"), 2)
    expected += [seventh, conv(np.maximum(seventh, 0), layer("more_output8_conv"), 2)]
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


def test_odd_maps_meet():
    """13 rows above 7: as torch's "nearest", which torchvision's pyramid calls."""
    maps = {3: keras.Input((13, 13, 2)), 4: keras.Input((7, 7, 2))}
    found = list(feature_pyramid(maps, blocks(), 2).values())
    model = randomised(keras.Model(list(maps.values()), found))
    images = pictures(maps)
    got = answers(model, images)[0]
    layer = model.get_layer
    rows = np.arange(13) * 7 // 13
    above = conv(images[1], layer("fpn_lateral4_conv"))[:, rows][:, :, rows]
    inner = conv(images[0], layer("fpn_lateral3_conv")) + above
    expected = conv(inner, layer("fpn_output3_conv"))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_a_path_goes_up_again():
    maps = inputs({3: 3, 4: 3})
    found = path_aggregation(maps, blocks(padding="symmetric"), 3)
    model = randomised(keras.Model(list(maps.values()), list(found.values())))
    images = pictures(maps)
    got, layer = answers(model, images), model.get_layer
    np.testing.assert_array_equal(got[0], images[0])
    below = np.maximum(conv(images[0], layer("pan_down4_conv"), 2), 0)
    expected = np.maximum(conv(below + images[1], layer("pan_output4_conv")), 0)
    np.testing.assert_allclose(got[1], expected, rtol=1e-4, atol=1e-4)


def test_a_weighted_sum_is_the_paper_s():
    layer = WeightedSum()
    x = np.arange(24, dtype="float32").reshape(3, 2, 4)
    layer.build([(2, 4)] * 3)
    layer.weight.assign([0.5, -1, 2])
    got = keras.ops.convert_to_numpy(layer(list(x)))
    np.testing.assert_allclose(got, (0.5 * x[0] + 2 * x[2]) / 2.5001, rtol=1e-5)


def test_maps_go_down_and_up_as_in_efficientdet():
    """The equations of section 3.3, with convolutions that change nothing."""
    maps = inputs({4: 2, 5: 2, 6: 2})
    found = bifpn(maps, blocks(norm_epsilon=0.0, activation="linear"), 2, 1)
    model = keras.Model(list(maps.values()), list(found.values()))
    for layer in model.layers:
        if layer.name.endswith("depthwise_conv"):
            layer.set_weights([np.pad([[1.0]], 1)[:, :, None, None].repeat(2, 2)])
        elif layer.name.endswith("pointwise_conv"):
            layer.set_weights([np.eye(2)[None, None], np.zeros(2)])
        elif isinstance(layer, WeightedSum):
            layer.set_weights([np.arange(1.0, layer.weight.shape[0] + 1)])
    images = pictures(maps)
    four, five, six = images

    def halved(x):
        rows = range(0, x.shape[1], 2)
        # TensorFlow's "same" has its one row of padding at the end.
        return np.array([[x[:, i : i + 3, j : j + 3].max((1, 2)) for j in rows] for i in rows])

    def down(x):
        return halved(x).transpose(2, 0, 1, 3)

    five_td = (five + 2 * doubled(six)) / 3.0001
    four_out = (four + 2 * doubled(five_td)) / 3.0001
    five_out = (five + 2 * five_td + 3 * down(four_out)) / 6.0001
    six_out = (six + 2 * down(five_out)) / 3.0001
    for mine, theirs in zip(answers(model, images), (four_out, five_out, six_out), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_missing_levels_and_channels_are_made():
    maps = inputs({3: 5, 4: 6, 5: 7}, 32)
    nn = blocks()
    found = bifpn(add_downsampled_levels(maps, nn, 8, 7), nn, 8, 2, weighted=False)
    assert {level: x.shape[1:] for level, x in found.items()} == {
        3: (32, 32, 8), 4: (16, 16, 8), 5: (8, 8, 8), 6: (4, 4, 8), 7: (2, 2, 8)
    }  # fmt: skip


# What Ultralytics prints of yolov8n and yolov5s: input channels, block, parameters that are learnt.
PRINTED = {
    "v8n_4": (64, partial(c2f, filters=64, depth=2, shortcut=True), 49664),
    "v8n_9": (256, partial(sppf, filters=256), 164608),
    "v8n_12": (384, partial(c2f, filters=128, depth=1), 148224),
    "v5s_4": (128, partial(c3, filters=128, depth=2), 115712),
    "v5s_13": (512, partial(c3, filters=256, depth=1, shortcut=False), 361984),
    "v3_spp": (512, partial(spp, filters=512), 656896),
}


@pytest.mark.parametrize("name", PRINTED)
def test_blocks_have_as_many_parameters_as_theirs(name):
    channels, block, expected = PRINTED[name]
    x = keras.Input((8, 8, channels))
    model = keras.Model(x, block(x, blocks(activation="silu"), name="b"))
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == expected
    assert model.output_shape[1:3] == (8, 8)


def test_pooling_in_a_row_is_pooling_at_several_sizes():
    """Maxima over 5, 9 and 13 pixels are those over 5 pixels once, twice, three times."""
    x = keras.Input((16, 16, 4))
    nn = blocks(activation="silu")
    one = randomised(keras.Model(x, spp(x, nn, 3, name="b")))
    other = keras.Model(x, sppf(x, nn, 3, name="b"))
    other.set_weights(one.get_weights())
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 4)).astype("float32")
    got, expected = (keras.ops.convert_to_numpy(model(image)) for model in (other, one))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reduced", [False, True])
def test_maps_side_by_side_keep_their_channels(reduced):
    nn = blocks()
    maps = inputs({3: 4, 4: 6, 5: 8}, 32)
    # Input channels of each block, in order: halved by nothing, or by the reducing convolution.
    seen = []

    def block(x, filters, name):
        seen.append((name, nn.channels(x)))
        return nn.conv_norm_act(x, filters, name=name)

    found = path_concatenation(maps, nn, block, reduced=reduced)
    assert {level: nn.channels(x) for level, x in found.items()} == {3: 4, 4: 6, 5: 8}
    fours = 6 + 6 if reduced else 8 + 6
    threes = 4 + 4 if reduced else 6 + 4
    up_four = 4 + (4 if reduced else 6)
    up_five = 6 + (6 if reduced else 8)
    assert seen == [
        ("pan_top_down4", fours),
        ("pan_top_down3", threes),
        ("pan_bottom_up4", up_four),
        ("pan_bottom_up5", up_five),
    ]


def test_atrous_branches():
    x = keras.Input((9, 9, 3))
    nn = blocks(norm_epsilon=0.0)
    model = randomised(keras.Model(x, atrous_pyramid(x, nn, 4, (2, 3), name="aspp")))
    image = np.random.default_rng(0).normal(size=(1, 9, 9, 3)).astype("float32")

    def branch(value, name, dilation=1):
        value = conv(value, model.get_layer(f"{name}_conv"), dilation=dilation)
        gamma, beta, mean, variance = model.get_layer(f"{name}_norm").get_weights()
        return np.maximum((value - mean) / np.sqrt(variance) * gamma + beta, 0)

    parts = [branch(image, "aspp_point")]
    parts += [branch(image, f"aspp_rate{rate}", rate) for rate in (2, 3)]
    mean = branch(image.mean((1, 2), keepdims=True), "aspp_image")
    parts.append(np.broadcast_to(mean, (1, 9, 9, 4)))
    expected = branch(np.concatenate(parts, -1), "aspp_merge")
    got = keras.ops.convert_to_numpy(model(image, training=False))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_a_separable_pyramid_has_the_paper_s_layers():
    x = keras.Input((8, 8, 16))
    model = keras.Model(x, atrous_pyramid(x, blocks(), 8, (6,), separable=True, name="aspp"))
    # 1x1, depthwise and 1x1, image, merge: kernels alone.
    kernels = 16 * 8 + 9 * 16 + 16 * 8 + 16 * 8 + 24 * 8
    assert sum(
        int(np.prod(w.shape)) for w in model.trainable_weights if len(w.shape) == 4
    ) == kernels  # fmt: skip
