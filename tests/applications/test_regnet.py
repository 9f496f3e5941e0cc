"""RegNet against its paper, timm and torchvision."""

import math

import pytest

from kapps.applications import FAMILIES, RegNetX002, RegNetY008, facts, find_application
from kapps.applications.regnet import X, Y, quantised_linear_stages
from tests.parity import goldens

# Parameters in timm (reference_models.tsv).
TIMM = {
    "RegNetX002": 2_684_792,
    "RegNetX004": 5_157_512,
    "RegNetX006": 6_196_040,
    "RegNetX008": 7_259_656,
    "RegNetX016": 9_190_136,
    "RegNetX032": 15_296_552,
    "RegNetX040": 22_118_248,
    "RegNetX064": 26_209_256,
    "RegNetX080": 39_572_648,
    "RegNetX120": 46_106_056,
    "RegNetX160": 54_278_536,
    "RegNetX320": 107_811_560,
    "RegNetY002": 3_162_996,
    "RegNetY004": 4_344_144,
    "RegNetY006": 6_055_160,
    "RegNetY008": 6_263_168,
    "RegNetY016": 11_202_430,
    "RegNetY032": 19_436_338,
    "RegNetY040": 20_646_656,
    "RegNetY064": 30_583_252,
    "RegNetY080": 39_180_068,
    "RegNetY120": 51_822_544,
    "RegNetY160": 83_590_140,
    "RegNetY320": 145_046_770,
}
TORCHVISION = {  # and in torchvision, where its networks are wider
    "regnet_x_400mf": 5_495_976,
    "regnet_y_800mf": 6_432_512,
    "regnet_y_8gf": 39_381_472,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["regnet"]} == TIMM


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "regnet_x_400mf" else pytest.mark.sweep)
        for name in TORCHVISION
    ],
)
def test_parameters_of_torchvision(name):
    model = find_application(f"torchvision/{name}")(weights=None, input_shape=(32, 32, 3))
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == TORCHVISION[name]


# Figures 15 and 16 of the paper print depths and widths of each model beside its parameters.
@pytest.mark.parametrize(
    ("parameters", "depths", "widths"),
    [
        (X["002"], (1, 1, 4, 7), (24, 56, 152, 368)),
        (X["080"], (2, 5, 15, 1), (80, 240, 720, 1920)),
        (X["320"], (2, 7, 13, 1), (336, 672, 1344, 2520)),
        (Y["004"], (1, 3, 6, 6), (48, 104, 208, 440)),
        (Y["320"], (2, 5, 12, 1), (232, 696, 1392, 3712)),
    ],
)
def test_stages_are_those_of_the_paper(parameters, depths, widths):
    stages = quantised_linear_stages(*parameters, mobile_rounding=False)
    assert tuple(blocks for blocks, _, _ in stages) == depths
    assert tuple(filters for _, filters, _ in stages) == widths
    # A group is never wider than its stage.
    for _, filters, groups in stages:
        assert filters // groups == min(parameters[-1], filters)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "timm/regnety_004" else pytest.mark.sweep)
        for name in goldens.names("regnet")
    ],
)
def test_equals_the_reference(name):
    assert goldens.relative_error(name) <= 1e-5


def test_pyramid():
    pyramid = RegNetX002.features(weights=None, input_shape=(64, 64, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 24),
        (8, 8, 56),
        (4, 4, 152),
        (2, 2, 368),
    ]


def test_only_networks_that_differ_in_torchvision_have_the_argument():
    assert "mobile_rounding" in RegNetY008.__signature__.parameters
    with pytest.raises(TypeError, match="no argument 'mobile_rounding'"):
        RegNetX002(weights=None, mobile_rounding=True)
