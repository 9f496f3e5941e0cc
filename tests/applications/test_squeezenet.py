"""SqueezeNet against torchvision, and NiN by the numbers of Caffe's model zoo."""

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import NiN, SqueezeNet1_0, SqueezeNet1_1, facts
from kapps.training.features import backbone_of, classifier_of
from tests.parity import goldens

PARAMETERS = {"SqueezeNet1_0": 1_248_424, "SqueezeNet1_1": 1_235_496, "NiN": 7_595_176}


def test_parameters():
    assert {name: facts(name)["params"] for name in PARAMETERS} == PARAMETERS


def test_equals_torchvision():
    assert goldens.relative_error("torchvision/squeezenet1_1") <= 1e-5


@pytest.mark.sweep
def test_the_older_one_equals_torchvision():
    assert goldens.relative_error("torchvision/squeezenet1_0") <= 1e-5


@pytest.mark.parametrize(
    ("app", "maps"),
    [
        (SqueezeNet1_0, [(54, 256), (27, 512), (13, 512)]),
        (SqueezeNet1_1, [(55, 128), (27, 256), (13, 512)]),
        (NiN, [(54, 96), (27, 256), (13, 384), (6, 1024)]),
    ],
)
def test_pyramid(app, maps):
    # Table 1 of the paper, with torchvision's stem, which does not pad; Caffe rounds poolings up.
    pyramid = app.features(weights=None, input_shape=(224, 224, 3))
    assert [output.shape[2:] for output in pyramid.outputs] == maps


def test_another_head_is_a_dense_layer_on_the_same_maps():
    model = SqueezeNet1_1(weights=None, input_shape=(64, 64, 3))
    with pytest.raises(
        ValueError, match="expected a Dense classifier; give it one with kapps.repl"
    ):
        classifier_of(model)
    other = kapps.replace_head(model, 5)
    assert type(classifier_of(other)) is keras.layers.Dense
    assert backbone_of(other).output_shape == (None, 512)


def test_fine_tuning_gives_it_that_head(tmp_path):
    from kapps.training import building

    path = tmp_path / "own.weights.h5"
    SqueezeNet1_1(weights=None).save_weights(path)
    source = building.pretrained("SqueezeNet1_1", str(path), ())
    model = source.build(64, 3)
    assert type(model.layers[-1]) is keras.layers.Dense
    assert model.output_shape == (None, 3)


def test_its_scores_are_means_of_what_each_place_says():
    model = SqueezeNet1_1(weights=None, input_shape=(64, 64, 3), classifier_activation=None)
    x = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    places = keras.Model(model.inputs, model.get_layer("predictions").output)(x)
    expected = np.maximum(keras.ops.convert_to_numpy(places), 0).mean(axis=(1, 2))
    got = keras.ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)
