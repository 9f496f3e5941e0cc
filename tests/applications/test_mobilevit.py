"""MobileViT and its second version against timm."""

import numpy as np
import pytest

import kapps
from kapps.applications import FAMILIES, MobileViTV2_050, MobileViTXXS, facts
from tests.parity import goldens
from tests.parity.sweep import sweep_but

PARAMETERS = {  # timm's
    "MobileViTXXS": 1_272_024,
    "MobileViTXS": 2_317_848,
    "MobileViTS": 5_578_632,
    "MobileViTV2_050": 1_370_593,
    "MobileViTV2_100": 4_901_841,
    "MobileViTV2_200": 18_449_329,
}
GOLDENS = [name for family in ("mobilevit", "mobilevit_v2") for name in goldens.names(family)]


def test_parameters():
    names = (*FAMILIES["mobilevit"], *FAMILIES["mobilevit_v2"])
    assert {name: facts(name)["params"] for name in names} == PARAMETERS


@pytest.mark.parametrize("name", sweep_but("timm/mobilevitv2_050", GOLDENS))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.parametrize(
    ("app", "filters"),
    [(MobileViTXXS, (16, 24, 48, 64, 80)), (MobileViTV2_050, (32, 64, 128, 192, 256))],
)
def test_pyramid(app, filters):
    # Table 4 of the first paper and table 6 of the second, at 64 pixels.
    pyramid = app.features(weights=None, input_shape=(64, 64, 3), levels=(1, 2, 3, 4, 5))
    assert [output.shape[1] for output in pyramid.outputs] == [32, 16, 8, 4, 2]
    assert tuple(output.shape[-1] for output in pyramid.outputs) == filters


@pytest.mark.sweep
@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("size", [64, 80])  # 80: maps that no patch divides
def test_an_open_size_gives_the_same(name, size):
    app = getattr(kapps.applications, name)
    fixed = app(weights=None, include_top=False, input_shape=(size, size, 3))
    free = app(weights=None, include_top=False, input_shape=(None, None, 3))
    free.set_weights(fixed.get_weights())
    images = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype("float32")
    expected, found = (model.predict(images, verbose=0) for model in (fixed, free))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
