"""Interpolation of tables of places against torch's, whose values stand here."""

import numpy as np
import pytest

from kapps.layers.resampling import resample_grid

# torch.nn.functional.interpolate(x, size, mode="bicubic", antialias=True) of (0..15)**2 % 7.
TORCH = {
    (6, 3): [
        *(-0.094905, 2.605603, 2.836324, 1.342173, 2.576192, 1.340423, 2.701405, 2.697576, 0.15726),
        *(1.898837, 3.204354, 1.706586, 2.581101, 1.681035, 1.362095, 3.411839, 0.17851, 0.617367),
    ],
    (2, 5): [
        *(0.808507, 2.231557, 2.838068, 2.121996, 1.058686),
        *(2.524297, 2.810326, 1.798812, 0.872788, 1.319533),
    ],
}


@pytest.mark.parametrize("size", TORCH)
def test_equals_torch(size):
    table = (np.arange(16.0) ** 2 % 7)[:, None]
    np.testing.assert_allclose(resample_grid(table, size)[:, 0], TORCH[size], atol=1e-5)


def test_only_square_grids_are_known():
    with pytest.raises(ValueError, match="12 places are no square grid"):
        resample_grid(np.zeros((12, 3)), (4, 4))
