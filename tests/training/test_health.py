"""Gradients, weights and units, as `watch` sees them."""

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kapps import runs
from kapps.inspect import units
from kapps.tasks.classification import Classification
from kapps.tasks.findings import Matrix, Sample, Samples
from kapps.training import devices, engine, gradients
from kapps.training.health import Health
from tests.training.test_engine import Settings, twin_of

pytestmark = pytest.mark.contract


def line(learning_rate: float = 0.0, **how):
    """y = k x + b at k = (1, 2), b = 0, with the squared error."""
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="line")(inputs))
    model.set_weights([np.array([[1.0], [2.0]]), np.zeros(1)])
    model.compile(keras.optimizers.SGD(learning_rate, **how), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.mark.parametrize(
    ("precision", "how"),
    [
        ("float32", {}),
        ("float32", {"gradient_accumulation_steps": 2, "global_clipnorm": 0.1}),
        ("mixed_float16", {}),
    ],
)
def test_the_norms_are_those_of_the_gradients(precision, how):
    """d/dk = 2 r x, d/db = 2 r with r = 1 x0 + 2 x1 - y: (6, 8) and 2, then (24, 0) and 8."""
    with devices.precision(precision):
        model = line(**how)
    if precision == "mixed_float16":  # or the first gradients would be too long for its scale
        model.optimizer.dynamic_scale.assign(8.0)
    norms = gradients.Norms(model)
    assert norms.take() is None
    for x, y in (([3.0, 4.0], 10.0), ([3.0, 0.0], -1.0)):
        model.train_on_batch(np.array([x]), np.array([[y]]))
    found = norms.take()
    assert found.each == pytest.approx({"line/kernel": (10 + 24) / 2, "line/bias": (2 + 8) / 2})
    totals = np.sqrt([10**2 + 2**2, 24**2 + 8**2])
    assert found.usual == pytest.approx(np.sqrt(totals.prod()), rel=1e-5)
    assert found.largest == pytest.approx(totals[1], rel=1e-5)
    assert norms.take() is None  # begins anew


class Mine(Classification):
    """A task of one's own, with a matrix and samples of its own."""

    def findings(self, answers, annotations, names):
        samples = Samples("Worst", "", [Sample(0, "b 90%, is a", False)])
        return [Matrix("Mine", "", ["a", "b"], [[2, 1], [0, 3]]), samples]


def test_watching_changes_no_number_and_a_resumed_run_goes_on(make_model, spots, tmp_path):
    """Also of a task of one's own; TensorBoard has all of it, from both processes."""
    settings = Settings(str(tmp_path / "run"))
    run = runs.Run.create(settings.out, settings, "train", ["a", "b", "c"], {"size": 8})

    def fit(epochs, **more):
        model = make_model()
        how = {"ema": 0.5, "accumulate": 2, "watch": "run" in more}
        return engine.fit(
            model, spots, spots, engine.Plan("train", epochs, 0.01, schedule="constant", **how),
            task=Mine(), twin=twin_of(model) if more else None, **more,
        )  # fmt: skip

    pictures = lambda indices: [np.zeros((8, 8, 3), "uint8")]  # noqa: E731
    fit(1, run=run, pictures=pictures)
    watched = fit(2, run=run, pictures=pictures)
    assert [row | {"seconds": 0} for row in watched] == [row | {"seconds": 0} for row in fit(2)]
    read = EventAccumulator(str(run.tensorboard), {"images": 0, "histograms": 0}).Reload()
    found = read.Tags()
    assert {"train/Mine", "train/Worst"} == set(found["images"])
    assert "train/weights/predictions/kernel" in found["histograms"]
    scalars = {"learning_rate", "gradient_norm", "gradients/stage1_conv/kernel", "val_accuracy"}
    scalars |= {"dead_units/stage2_act"}
    assert {f"train/{name}" for name in scalars} <= set(found["scalars"])
    assert [event.step for event in read.Scalars("train/gradient_norm")] == [1, 2]


def test_units_that_never_answer(make_model):
    """Three of four have a bias that no picture outweighs."""
    model = make_model()
    images = np.random.default_rng(0).integers(0, 255, (8, 8, 8, 3)).astype("uint8")
    model.get_layer("stage1_norm").beta.assign([-1e6, 1e6, -1e6, -1e6])
    model.get_layer("stage2_norm").beta.assign([1e7] * 8)
    found = units.Units(model).look(iter([(images, None), (images[:3], None)]))
    assert found == units.Dead({"stage1_act": 0.75, "stage2_act": 0.0}, 11)
    assert units.Units(model).look([((images, images), None)]) is None


def test_a_kernel_that_gets_no_gradient_is_told_once(make_model, spots):
    model = make_model(dropout=0.0)
    model.get_layer("stage1_norm").beta.assign([-1e6] * 4)
    model.get_layer("stage2_norm").beta.assign([1.0] * 8)
    plan = engine.Plan("train", 1, 1e-4)
    task = engine.tasks.find("classification")()
    engine.compile_for(model, plan, 5, task)
    health = Health(model, model)
    for images, labels in spots.epoch(0):
        model.train_on_batch(images, labels)
    row = {"stage": "train", "epoch": 1}
    told = health.look(row, spots)
    assert "vanishing gradients: stage1_conv/kernel gets nothing of what pred" in told[0]
    assert "dead ReLUs: 100% of stage1_act are zero for all of 19 pictures" in told[1]
    model.train_on_batch(images, labels)
    assert health.look(row, spots) == []
