"""Local response normalisation against the formula of Krizhevsky et al. and against torch."""

import keras
import numpy as np
import pytest

from kapps.layers import LocalResponseNormalization

# torch.nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=2.0) of -2.5, -1.5, ..., 4.5 over channels.
TORCH = [
    *(-1.1323003768920898, -0.6749829053878784, -0.21273183822631836, 0.21273183822631836),
    *(0.5182308554649353, 0.6421114802360535, 0.9017178416252136, 1.1924951076507568),
]


@pytest.mark.parametrize("axis", [-1, 1])
def test_the_formula_of_section_3_3(axis):
    x = np.random.default_rng(0).normal(0, 100, (2, 7, 6, 7)).astype("float32")
    squares, n = np.moveaxis(x.astype("float64") ** 2, axis, -1), 5
    sums = np.stack(
        [squares[..., max(0, i - n // 2) : i + n // 2 + 1].sum(axis=-1) for i in range(7)], axis
    )
    expected = x / (2 + 1e-4 * sums) ** 0.75
    got = keras.ops.convert_to_numpy(LocalResponseNormalization(axis=axis)(x))
    np.testing.assert_allclose(got, expected, rtol=2e-5)


def test_torch_divides_alpha_by_the_size():
    x = (np.arange(8, dtype="float32") - 2.5).reshape(1, 1, 1, 8)
    layer = LocalResponseNormalization(5, alpha=0.5 / 5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)).ravel(), TORCH, rtol=1e-5)


def test_an_even_size_has_no_middle():
    with pytest.raises(ValueError, match="size=4: expected an odd number"):
        LocalResponseNormalization(4)


def test_it_comes_back_from_its_configuration():
    config = keras.saving.serialize_keras_object(LocalResponseNormalization(3, k=1.0, axis=1))
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == config["config"] | {"dtype": again.get_config()["dtype"]}
    assert (again.size, again.k, again.axis) == (3, 1.0, 1)
