"""Maps resized as torch resizes them."""

import keras
import numpy as np
import pytest

from kapps.layers import BilinearResize, NearestResize, ResizeToMultiple

FORMATS = ("channels_last", "channels_first")
ROW = np.array([0, 1, 5, 2, 7], "float32")
# torch.nn.functional.interpolate(ROW[:size], new_size, mode=...).
NEAREST = {
    (3, 6): [0, 0, 1, 1, 5, 5],
    (3, 7): [0, 0, 0, 1, 1, 5, 5],
    (5, 3): [0, 1, 2],
    (1, 3): [0, 0, 0],
    (4, 4): [0, 1, 5, 2],
}
BILINEAR = {
    (3, 4): [0, 0.625, 2.5, 5],
    (5, 3): [1 / 3, 5, 16 / 3],
    (3, 3): [0, 1, 5],
    (1, 2): [0, 0],
}
ALIGNED = {(3, 4): [0, 2 / 3, 7 / 3, 5], (5, 3): [0, 5, 7], (3, 3): [0, 1, 5], (1, 2): [0, 0]}


def grid(rows, columns, data_format):
    """A map (1, rows, columns, 1) of the products of two lists, or channels first."""
    x = np.outer(rows, columns).astype("float32")
    return x[None, :, :, None] if data_format == "channels_last" else x[None, None]


def result(layer, data_format, *inputs, known):
    """What the layer makes of inputs, or of inputs whose height and width only the graph knows."""
    if known:
        found = layer(list(inputs) if len(inputs) > 1 else inputs[0])
        return keras.ops.convert_to_numpy(found)
    shape = (None, None, 1) if data_format == "channels_last" else (1, None, None)
    images = [keras.Input(shape) for _ in inputs]
    model = keras.Model(images, layer(images if len(images) > 1 else images[0]))
    return model.predict(list(inputs), verbose=0)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("make", "table"),
    [
        (NearestResize, NEAREST),
        (BilinearResize, BILINEAR),
        (lambda data_format: BilinearResize(True, data_format=data_format), ALIGNED),
    ],
    ids=["nearest", "bilinear", "aligned"],
)
def test_one_map_at_the_size_of_another(make, table, data_format, known):
    for (height, new_height), rows in table.items():
        x = grid(ROW[:height], ROW[:3], data_format)
        (width, new_width), columns = next(iter(table.items()))
        assert width == 3
        like = grid(np.zeros(new_height), np.zeros(new_width), data_format)
        found = result(make(data_format=data_format), data_format, x, like, known=known)
        np.testing.assert_allclose(found, grid(rows, columns, data_format), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("aligned", "table"), [(False, BILINEAR), (True, ALIGNED)])
def test_rounded_up_to_a_multiple(aligned, table, data_format, known):
    x = grid(ROW[:3], ROW[:4], data_format)
    found = result(ResizeToMultiple(2, aligned, data_format), data_format, x, known=known)
    expected = grid(table[3, 4], ROW[:4], data_format)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
