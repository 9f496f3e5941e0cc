"""The attention layers against their formulas in numpy and against numbers of timm's functions."""

import numpy as np
import pytest
from keras import ops

from kapps.layers import (
    Attention,
    AttentionPooling,
    CosineAttention,
    DecomposedAttention,
    LatentQuery,
    MergePatches,
    RelativePositionAttention,
    RotaryAttention,
)
from kapps.layers.query_value_bias import QueryValueBias
from kapps.layers.resampling import resample_line, resample_offsets
from kapps.layers.token_windows import Unwindows, Windows, shift_mask

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def numbers(x):
    return ops.convert_to_numpy(x)


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


def heads_of(x, heads):
    """Queries, keys and values: (rows, heads, tokens, channels) each."""
    rows, tokens, channels = x.shape
    return x.reshape(rows, tokens, 3, heads, channels // (3 * heads)).transpose(2, 0, 3, 1, 4)


def attended(products, value):
    out = (softmax(products) @ value).transpose(0, 2, 1, 3)
    return out.reshape(*out.shape[:2], -1)


def check(layer, x, products, value):
    """The layer's answer and its maps, whichever way the backend computes them."""
    np.testing.assert_allclose(numbers(layer(x)), attended(products, value), atol=2e-5)
    np.testing.assert_allclose(numbers(layer.weights_of(x)), softmax(products), atol=2e-5)


def filled(layer, x):
    """The layer, built, with random weights."""
    layer.build(x.shape)
    for variable in layer.weights:
        variable.assign(normal(*variable.shape))
    return layer


@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention(scale):
    x = normal(2, 5, 3 * 8)
    query, key, value = heads_of(x, 2)
    factor = 0.5 if scale is None else scale
    products = factor * query @ key.transpose(0, 1, 3, 2)
    check(Attention(2, scale=scale), x, products, value)


@pytest.mark.parametrize("class_token", [False, True])
def test_relative_positions(class_token):
    height, width = 2, 3
    tokens = height * width + class_token
    x = normal(2, tokens, 3 * 8)
    layer = filled(RelativePositionAttention(2, height, width, class_token=class_token), x)
    table = numbers(layer.table)
    bias = np.zeros((2, tokens, tokens))
    places = [(i // width, i % width) for i in range(height * width)]
    for i, (y, z) in enumerate(places, class_token):
        for j, (v, w) in enumerate(places, class_token):
            bias[:, i, j] = table[(y - v + height - 1) * (2 * width - 1) + z - w + width - 1]
    if class_token:
        bias[:, 0, 1:], bias[:, 1:, 0] = table[-3][:, None], table[-2][:, None]
        bias[:, 0, 0] = table[-1]
    query, key, value = heads_of(x, 2)
    check(layer, x, 0.5 * query @ key.transpose(0, 1, 3, 2) + bias, value)


def test_shifted_windows_do_not_see_beyond_their_edge():
    grid, window, shift = (4, 6), (2, 2), (1, 1)
    x = normal(2 * 6, 4, 3 * 8)
    layer = filled(RelativePositionAttention(2, *window, grid=grid, shift=shift), x)
    weights = numbers(layer.weights_of(x)).reshape(2, 6, 2, 4, 4)
    # The last window holds the four corners of the map; the first one is a square of neighbours.
    np.testing.assert_allclose(weights[:, -1], np.broadcast_to(np.eye(4), (2, 2, 4, 4)), atol=1e-6)
    assert weights[:, 0].min() > 0
    query, key, value = heads_of(x, 2)
    bias = np.tile(shift_mask(grid, window, shift), (2, 1, 1))[:, None]
    rows = np.arange(4)
    offsets = (rows[:, None] // 2 - rows // 2 + 1) * 3 + rows[:, None] % 2 - rows % 2 + 1
    bias = bias + numbers(layer.table)[offsets].transpose(2, 0, 1)
    check(layer, x, 0.5 * query @ key.transpose(0, 1, 3, 2) + bias, value)


# timm's apply_rot_embed_cat of (0..47)**2 % 7 / 4 - 3 / 4, of shape (6, 8) on a grid of 2 x 3.
EVA02 = [  # RotaryEmbeddingCat(8, in_pixels=False, feat_shape=[2, 3], ref_feat_shape=[16, 16])
    *(-0.75, -0.5, 0.25, -0.25, -0.25, 0.25, -0.5, -0.75),
    *(-0.5, 0.25, -0.25, -0.25, -0.261214, -0.494234, -0.72228, -0.53927),
    *(0.25, -0.25, -0.25, 0.25, -0.548292, 0.715455, -0.523774, 0.195347),
    *(0.283715, -0.210965, 0.289158, -0.478422, -0.75, -0.5, 0.25, -0.25),
    *(-0.210965, -0.283715, -0.438465, -0.787559, -0.087569, 0.552116, -0.236318, -0.262972),
    *(0.458304, 0.32009, -0.707644, -0.558337, -0.317351, -0.155847, -0.275195, 0.221963),
]
DINOV3 = [  # RotaryEmbeddingDinoV3(8, feat_shape=[2, 3], rotate_half=True)
    *(0.75, -0.398274, 0.308012, -0.533439, 0.25, 0.392273, 0.466506, -0.583475),
    *(0.5, 0.083256, -0.25, -0.25, -0.25, -0.552783, -0.75, -0.5),
    *(-0.25, -0.469527, -0.308012, 0.126702, 0.5, -0.636036, 0.466506, 0.330071),
    *(0.25, -0.083256, -0.341506, -0.558457, 0.75, -0.552783, 0.091506, -0.025018),
    *(0.25, 0.16051, -0.5, -0.75, 0.5, 0.315018, -0.25, -0.25),
    *(-0.25, -0.398274, 0.158494, -0.558457, -0.25, -0.392273, 0.774519, 0.025018),
]


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        (EVA02, {"temperature": 1e4, "places": 16, "pairs": "neighbours"}),
        (DINOV3, {"temperature": 100.0, "places": "centred", "pairs": "halves"}),
    ],
)
def test_rotations_equal_timm(expected, arguments):
    x = ((np.arange(48.0) ** 2 % 7 - 3) / 4).reshape(1, 1, 6, 8).astype("float32")
    layer = RotaryAttention(1, 2, 3, prefix=0, **arguments)
    for turned in layer.positioned(ops.convert_to_tensor(x), ops.convert_to_tensor(x)):
        np.testing.assert_allclose(numbers(turned).ravel(), expected, atol=5e-6)


def test_tokens_before_the_patches_are_not_turned():
    x = normal(2, 1, 8, 8)
    turned, _ = RotaryAttention(1, 2, 3, prefix=2).positioned(*[ops.convert_to_tensor(x)] * 2)
    np.testing.assert_array_equal(numbers(turned)[:, :, :2], x[:, :, :2])
    lengths = (np.linalg.norm(y, axis=-1) for y in (numbers(turned), x))
    np.testing.assert_allclose(*lengths, rtol=1e-5)


def test_cosines():
    height, width, trained = 2, 3, (4, 4)
    x = normal(2, height * width, 3 * 8)
    layer = filled(CosineAttention(2, height, width, trained=trained, units=5), x)
    query, key, value = (
        part / np.linalg.norm(part, axis=-1, keepdims=True) if i < 2 else part
        for i, part in enumerate(heads_of(x, 2))
    )
    y, z = np.mgrid[:height, :width].reshape(2, -1)
    offsets = np.stack([y[:, None] - y, z[:, None] - z], axis=-1) * 8 / (np.array(trained) - 1)
    offsets = np.sign(offsets) * np.log2(1 + np.abs(offsets)) / 3
    weights = {v.path.rpartition("/")[2]: numbers(v) for v in layer.weights}
    hidden = np.maximum(offsets @ weights["hidden_kernel"] + weights["hidden_bias"], 0)
    bias = 16 / (1 + np.exp(-hidden @ weights["bias_kernel"]))
    factor = np.exp(np.minimum(weights["logit_scale"], np.log(100)))
    products = factor * (query @ key.transpose(0, 1, 3, 2)) + bias.transpose(2, 0, 1)
    check(layer, x, products, value)


def test_decomposed_places():
    height, width = 3, 2
    x = normal(2, height * width, 3 * 8)
    layer = filled(DecomposedAttention(2, height, width), x)
    query, key, value = heads_of(x, 2)
    y, z = np.mgrid[:height, :width].reshape(2, -1)
    rows = numbers(layer.row_table)[y[:, None] - y + height - 1]
    columns = numbers(layer.column_table)[z[:, None] - z + width - 1]
    products = 0.5 * query @ key.transpose(0, 1, 3, 2)
    products = products + np.einsum("rhqc,qkc->rhqk", query, rows + columns)
    check(layer, x, products, value)
    assert layer.adapted_rows(normal(9, 4)).shape == (2 * height - 1, 4)
    assert layer.adapted_columns(normal(9, 4)).shape == (2 * width - 1, 4)


def test_attention_pooling():
    query, key, value = normal(2, 8), normal(2, 5, 8), normal(2, 5, 8)
    expected = np.zeros((2, 8))
    for head in (slice(0, 4), slice(4, 8)):
        shares = softmax(0.5 * np.einsum("bc,btc->bt", query[:, head], key[:, :, head]))
        expected[:, head] = np.einsum("bt,btc->bc", shares, value[:, :, head])
    answer = numbers(AttentionPooling(2)([query, key, value]))
    np.testing.assert_allclose(answer, expected, atol=2e-5)


def test_every_image_has_the_same_latent_query():
    layer = filled(LatentQuery(), normal(3, 5, 8))
    latent = numbers(layer(normal(3, 5, 8)))
    np.testing.assert_array_equal(latent, np.tile(numbers(layer.latent), (3, 1)))


@pytest.mark.parametrize("shift", [(0, 0), (1, 2)])
def test_windows_are_cut_and_put_together(shift):
    grid, window = (5, 7), (3, 4)  # padded to 6 x 8
    x = normal(2, 35, 4)
    cut = Windows(grid, window, shift)(x)
    assert tuple(cut.shape) == (2 * 4, 12, 4)
    np.testing.assert_array_equal(numbers(Unwindows(grid, window, shift)(cut)), x)
    rolled = np.roll(x.reshape(2, 5, 7, 4), (-shift[0], -shift[1]), axis=(1, 2))
    padded = np.pad(rolled, ((0, 0), (0, 1), (0, 1), (0, 0)))
    # The second window of the second image: upper right.
    np.testing.assert_array_equal(numbers(cut)[5].reshape(3, 4, 4), padded[1, :3, 4:])


def test_merged_patches_go_down_the_columns():
    x = normal(1, 15, 2).reshape(1, 3, 5, 2)
    merged = numbers(MergePatches((3, 5))(x.reshape(1, 15, 2))).reshape(1, 2, 3, 8)
    square = [x[0, y, z] for y, z in ((0, 2), (1, 2), (0, 3), (1, 3))]
    np.testing.assert_array_equal(merged[0, 0, 1], np.concatenate(square))
    corner = np.concatenate([x[0, 2, 4], np.zeros(6, "float32")])
    np.testing.assert_array_equal(merged[0, 1, 2], corner)


def test_keys_have_no_bias():
    x = normal(2, 5, 12)
    layer = filled(QueryValueBias(), x)
    bias = [numbers(layer.query_bias), np.zeros(4), numbers(layer.value_bias)]
    np.testing.assert_allclose(numbers(layer(x)), x + np.concatenate(bias), rtol=1e-6)


# timm.layers.resize_rel_pos_bias_table of (0..24)**2 % 7, a table of 3 x 3 windows.
OFFSETS = {
    (4, 2): [
        *(1, 4, 2, 1, 2.666667, 1.666667, 1, 0, 1, 2, 4),
        *(1, 4, 2, 2, 1.333332, 1.333333, 3.333334, 0, 1, 4),
    ],
    (2, 5): [
        *(4, 4, 3.000002, 1, 0, 1, 3.000002, 4, 4, 2, 2, 2, 2, 4),
        *(1, 0.333333, 0, 0, 1, 1, 1.999999, 4, 2, 2, 3.333333, 4, 4),
    ],
}


@pytest.mark.parametrize("grid", OFFSETS)
def test_tables_of_offsets_are_interpolated_as_in_timm(grid):
    table = (np.arange(25.0) ** 2 % 7)[:, None]
    np.testing.assert_allclose(resample_offsets(table, grid)[:, 0], OFFSETS[grid], atol=1e-5)


@pytest.mark.parametrize(
    "expected",  # torch.nn.functional.interpolate(x, size, mode="linear") of (0..6)**2 % 5
    [
        (0.375, 4, 1.375, 0.625),
        (0, 0.454545, 1.272727, 3.181818, 4, 4, 2.090910, 0.727273, 0.090909, 0.545454, 1),
    ],
)
def test_lines_are_interpolated_as_in_torch(expected):
    line = (np.arange(7.0) ** 2 % 5)[:, None]
    np.testing.assert_allclose(resample_line(line, len(expected))[:, 0], expected, atol=1e-5)
