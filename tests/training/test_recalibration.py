"""BatchNorm's statistics measured anew, against numpy's of all activations together."""

import keras
import numpy as np
import pytest

from kapps.training import engine
from kapps.training.recalibration import Recalibration


def first_norm(model):
    return model.get_layer("stage1_norm")


@pytest.mark.contract
def test_the_statistics_are_those_of_all_activations(make_model, make_spots):
    model, spots = make_model(), make_spots()
    below = keras.Model(model.input, model.get_layer("stage1_conv").output)
    images = np.concatenate([x for x, _ in spots.epoch(0)][:4])
    seen = np.array(below.predict_on_batch(images)).reshape(-1, 4)
    before = [np.array(v) for v in model.variables]
    momentum = first_norm(model).momentum
    measured = Recalibration(model, 4)
    for _ in range(2):
        with measured.measured(spots.epoch(0)):
            norm = first_norm(model)
            np.testing.assert_allclose(norm.moving_mean, seen.mean(0), rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(norm.moving_variance, seen.var(0), rtol=1e-3)
            assert norm.momentum == momentum
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)  # seeds of Dropout too


def test_a_training_is_judged_by_them_and_goes_on_as_without(make_model, make_spots):
    rows = [
        engine.fit(
            make_model(),
            make_spots(),
            make_spots(),
            engine.Plan("train", 2, 0.02, ema=0.9, recalibrate=count),
        )
        for count in (0, 3)
    ]
    for plain, measured in zip(*rows, strict=True):
        assert plain["loss"] == pytest.approx(measured["loss"], rel=1e-6)
        assert plain["val_loss"] != pytest.approx(measured["val_loss"], rel=1e-3)


def test_what_has_no_such_layers_is_refused(make_model):
    model = make_model()
    for layer in model.layers:
        layer.trainable = False
    with pytest.raises(ValueError, match="recalibrate=2: the BatchNormalization .* are frozen"):
        Recalibration(model, 2)
    image = keras.Input((2,))
    with pytest.raises(ValueError, match="are not there"):
        Recalibration(keras.Model(image, keras.layers.Dense(1)(image)), 2)
