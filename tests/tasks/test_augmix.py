"""AugMix's consistency: the divergence against SciPy's, and a training of three views."""

import keras
import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from kapps import tasks
from kapps.errors import SettingsError
from kapps.tasks.augmix import divergence
from kapps.tasks.classification import Classification
from kapps.training import engine

pytestmark = pytest.mark.contract


def softmax(rows):
    rows = np.exp(rows - rows.max(-1, keepdims=True))
    return rows / rows.sum(-1, keepdims=True)


def test_of_two_answers_it_is_that_of_scipy():
    logits = np.random.default_rng(0).normal(0, 3, (2, 5, 4)).astype("float32")
    p, q = softmax(logits)
    expected = (jensenshannon(p, q, axis=1) ** 2).mean()
    for rows, given in (((p, q), False), (logits, True)):
        found = divergence([keras.ops.convert_to_tensor(row) for row in rows], given)
        np.testing.assert_allclose(float(found), expected, rtol=1e-5)


def test_of_three_certain_answers_it_is_the_logarithm_of_three():
    rows = [keras.ops.convert_to_tensor(row[None]) for row in np.eye(3, dtype="float32")]
    np.testing.assert_allclose(float(divergence(rows)), np.log(3), rtol=1e-5)
    assert float(divergence([rows[0]] * 3)) == pytest.approx(0, abs=1e-6)


class Three:
    """The pictures of `spots`, and twice the same with noise."""

    batch_size = 8

    def __init__(self, spots, noise):
        self.spots, self.noise, self.steps = spots, noise, 1

    def epoch(self, number):
        images, labels = next(iter(self.spots.epoch(number)))
        random = np.random.default_rng(number)
        noisy = [random.integers(0, self.noise + 1, images.shape) for _ in range(2)]
        yield (images, *((images // 2 + n).astype("uint8") for n in noisy)), labels


def test_the_loss_is_that_of_the_labels_and_twelve_times_the_divergence(make_model, make_spots):
    model = make_model(dropout=0.0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False  # so that `predict` says what the step computed
    task, data = Classification(consistency=12.0), Three(make_spots(), 100)
    assert len(task.views) == 3 and task.views[0].cut_only and task.views[1].of_first
    views, labels = next(iter(data.epoch(0)))
    p = [np.array(model.predict_on_batch(view)) for view in views]
    mean = sum(p) / 3
    divergences = [(one * np.log(one / mean)).sum(1) for one in p]  # equation 2
    own = -np.log(p[0][np.arange(8), labels]).mean()
    (row,) = engine.fit(model, data, None, engine.Plan("train", 1, 1e-3), task=task)
    assert row["loss"] == pytest.approx(own + 12 * np.mean(divergences), rel=1e-4)
    assert row["accuracy"] == pytest.approx((p[0].argmax(1) == labels).mean())


def test_a_head_learns_from_features_without_views(make_model, make_spots):
    """As `finetune` trains it first: of one vector a picture."""
    history = [
        engine.fit(make_model(), make_spots(), None, engine.Plan("train", 1, 1e-3), task=task)
        for task in (Classification(consistency=12.0), Classification())
    ]
    assert history[0][0]["loss"] == pytest.approx(history[1][0]["loss"], rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"consistency": -1.0}, "consistency=-1.0 is out of range"),
        ({"consistency": 1.0, "loss": "bce"}, "which loss=bce has not"),
    ],
)
def test_what_cannot_be_is_refused(arguments, sentence):
    with pytest.raises(SettingsError, match=sentence):
        Classification(**arguments)
    assert "consistency" not in tasks.find("distillation").settings()
