"""AlexNet and ZFNet: sizes of the papers, and torchvision's alexnet."""

import keras
import pytest

import kapps
from kapps.applications import AlexNet, AlexNetOWT, ZFNet, facts
from kapps.inspect import layer_table
from tests.parity import goldens

# reference_models.tsv: Krizhevsky et al. with two towers, with one, torchvision's; Zeiler, Fergus.
PARAMETERS = {
    "AlexNet": 60_965_224,
    "AlexNetSingleTower": 62_378_344,
    "AlexNetOWT": 61_100_840,
    "ZFNet": 62_357_608,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in PARAMETERS} == PARAMETERS


@pytest.mark.parametrize(
    ("app", "sides"), [(AlexNet, (55, 27, 27, 13, 13, 6)), (ZFNet, (110, 55, 26, 13, 13, 6))]
)
def test_sides_of_the_maps(app, sides):
    # Figure 2 of Krizhevsky et al. and figure 3 of Zeiler and Fergus.
    model = app(weights=None, include_top=False, input_shape=(app.size, app.size, 3))
    names = ("stage1_conv", "stage1_pool", "stage2_conv", "stage2_pool", "stage5_conv")
    shapes = {row.name: row.output_shape for row in layer_table(model)}
    assert tuple(shapes[name][1] for name in (*names, "stage5_pool")) == sides


def test_the_second_fourth_and_fifth_layers_have_two_towers():
    model = AlexNet(weights=None, include_top=False)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.groups for layer in convolutions] == [1, 2, 1, 2, 2]


@pytest.mark.sweep
def test_equals_torchvision():
    assert goldens.relative_error("torchvision/alexnet") <= 1e-5


def test_any_size_has_the_same_weights():
    small = AlexNetOWT(weights=None, input_shape=(100, 140, 3))
    assert small.count_params() == PARAMETERS["AlexNetOWT"]


@pytest.mark.parametrize(("app", "after"), [(AlexNet, "fc2_act"), (AlexNetOWT, "fc1_act")])
def test_dropout_stands_where_each_reference_has_it(app, after):
    model = app(weights=None, input_shape=(67, 67, 3))
    drops = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.rate for layer in drops] == [0.5, 0.5]
    assert drops[-1].input is model.get_layer(after).output


def test_pyramid():
    pyramid = AlexNet.features(weights=None, input_shape=(227, 227, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (27, 27, 96),
        (13, 13, 256),
        (6, 6, 256),
    ]
    assert kapps.find_application("torchvision/alexnet").name == "AlexNetOWT"
