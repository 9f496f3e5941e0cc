"""RepVGG against timm, with its branches and without."""

import pytest

import kapps
from kapps.applications import FAMILIES, RepVGGA0, facts
from tests.parity import goldens, reparameterized
from tests.parity.sweep import sweep_but

PARAMETERS = {  # timm's, in training and after its own reparameterize_model
    "RepVGGA0": (9_108_968, 8_309_384),
    "RepVGGA1": (14_092_264, 12_789_864),
    "RepVGGA2": (28_210_600, 25_499_944),
    "RepVGGB0": (15_817_960, 14_339_048),
    "RepVGGB1": (57_415_016, 51_829_480),
    "RepVGGB1g4": (39_966_056, 36_125_416),
    "RepVGGB2": (89_022_376, 80_315_112),
    "RepVGGB2g4": (61_758_376, 55_777_512),
    "RepVGGB3": (123_085_288, 110_960_872),
    "RepVGGB3g4": (83_825_128, 75_626_728),
    "RepVGGD2se": (133_334_836, 120_387_572),
}


def test_parameters():
    expected = {name: counts[0] for name, counts in PARAMETERS.items()}
    assert {name: facts(name)["params"] for name in FAMILIES["repvgg"]} == expected


@pytest.mark.parametrize("name", sweep_but("timm/repvgg_a0", goldens.names("repvgg")))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.parametrize("name", sweep_but("RepVGGA0", PARAMETERS))
def test_reparameterized(name):
    app = getattr(kapps.applications, name)
    error, parameters, merged = reparameterized.compare(app)
    assert error <= 1e-5
    assert parameters == PARAMETERS[name][1]
    convolutions = [x for x in merged.layers if x.name.endswith("_1_conv")]
    assert len(convolutions) == 1 + sum(app.config["depths"])
    assert not [x for x in merged.layers if x.name.endswith(("_norm", "_scale_conv", "_add"))]


def test_pyramid():
    # Table 2 of the paper, at 64 pixels.
    pyramid = RepVGGA0.features(weights=None, input_shape=(64, 64, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 48),
        (8, 8, 96),
        (4, 4, 192),
        (2, 2, 1280),
    ]
