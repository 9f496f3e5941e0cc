import keras
import numpy as np
import pytest

from kapps.tasks.losses import CrossEntropy
from kapps.training import optimization

pytestmark = pytest.mark.contract


@pytest.mark.parametrize("name", ["adamw", "sgd", "lion", "muon"])
def test_weight_decay_shrinks_kernels_only(make_model, name):
    model = make_model()
    how = optimization.Updates(optimizer=name, weight_decay=0.5)
    optimizer = optimization.make_optimizer(model, 0.1, how)
    variables = model.trainable_variables
    before = [np.array(v) for v in variables]
    optimizer.build(variables)
    optimizer.apply([keras.ops.zeros(v.shape) for v in variables], variables)
    for variable, old in zip(variables, before, strict=True):
        expected = old * 0.95 if variable.path.endswith("kernel") else old
        np.testing.assert_allclose(np.array(variable), expected, rtol=1e-5)
    assert sum(v.path.endswith("kernel") for v in variables) == 3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"optimizer": "adamax"}, "adamw"),
        ({"ema": 1.0}, "ema"),
        ({"accumulate": 0}, "accumulate"),
        ({"l2": -1.0}, "l2=-1.0"),
        ({"clip_adaptive": 0.0}, "clip_adaptive"),
        ({"lookahead": 1}, "lookahead=1"),
        ({"layer_decay": 1.5}, "layer_decay"),
        ({"optimizer": "sgd", "beta_2": 0.9}, "no setting of optimizer=sgd"),
        ({"learning_rate_scales": ("neck=2",)}, "'neck' is no part"),
        ({"learning_rate_scales": ("head=0",)}, "unfreeze"),
    ],
)
def test_what_makes_no_sense_is_refused(make_model, change, word):
    with pytest.raises(ValueError, match=word):
        optimization.make_optimizer(make_model(), 0.1, optimization.Updates(**change))


def test_averaged_weights_come_and_go_bit_for_bit(make_model):
    model = make_model()
    model.compile(optimization.make_optimizer(model, 0.1, optimization.Updates(ema=0.5)), "mse")
    variables = model.trainable_variables
    start = [np.array(v) for v in variables]
    model.optimizer.build(variables)
    for _ in range(2):  # the first update sets the average, the second moves it half way
        model.optimizer.apply([keras.ops.ones(v.shape) for v in variables], variables)
    own = [np.array(v) for v in variables]
    with optimization.averaged_weights(model):
        inside = [np.array(v) for v in variables]
    after = [np.array(v) for v in variables]
    for a, b, c in zip(own, after, inside, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    for first, last, average in zip(start, own, inside, strict=True):
        # Adam's first two steps on a constant gradient are equal: the average is 3/4 of the way.
        np.testing.assert_allclose(average, first + 0.75 * (last - first), atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("from_logits", [False, True])
def test_loss_equals_keras_for_numbers_and_rows(smoothing, from_logits):
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 16).astype("int32")
    rows = random.normal(size=(16, 5)).astype("float32")
    answers = rows if from_logits else np.asarray(keras.ops.softmax(rows))
    one_hot = np.eye(5, dtype="float32")[labels]
    expected = keras.losses.CategoricalCrossentropy(
        from_logits=from_logits, label_smoothing=smoothing
    )(one_hot, answers)
    loss = CrossEntropy(smoothing, from_logits)
    for truth in (labels, one_hot):
        assert float(loss(truth, answers)) == pytest.approx(float(expected), rel=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert float(again(labels, answers)) == pytest.approx(float(expected), rel=1e-5)
