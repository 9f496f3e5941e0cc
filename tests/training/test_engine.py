import dataclasses
import json

import keras
import numpy as np
import pytest

from kapps import runs
from kapps.cli.settings import setting
from kapps.errors import RunError
from kapps.tasks.classification import Classification
from kapps.training import engine, state
from kapps.training.replicas import Share

pytestmark = pytest.mark.contract
COLUMNS = (*runs.COLUMNS, "loss", "accuracy", "val_loss", "val_accuracy")


@dataclasses.dataclass(frozen=True)
class Settings:
    out: str = setting()
    resume: bool = setting(False)
    epochs: int = setting(2)
    tensorboard: bool = setting(True)


@pytest.fixture
def make_run(tmp_path):
    def make(name: str = "run"):
        settings = Settings(str(tmp_path / name))
        return runs.Run.create(settings.out, settings, "train", ["a", "b", "c"], {"size": 8})

    return make


def twin_of(model):
    return keras.Model(model.input, model.output, name=model.name)


def fit(model, data, run=None, **plan):
    values = {"stage": "train", "epochs": 2, "learning_rate": 0.02, **plan}
    task = Classification(label_smoothing=values.pop("label_smoothing", 0.0))
    twin = twin_of(model) if run else None
    return engine.fit(model, data, data, engine.Plan(**values), task=task, run=run, twin=twin)


@pytest.mark.parametrize("said", ["auto", "true", "false"])
def test_jit_compile_is_that_of_the_plan(make_model, said, capsys):
    model = make_model()
    plan = engine.Plan("train", 1, 0.01, jit_compile=said)
    engine.compile_for(model, plan, 4, Classification())
    if said == "auto":  # as measured on CPUs, see docs/benchmarks.md
        assert model.jit_compile == (keras.config.backend() == "jax")
    else:
        assert model.jit_compile == (said == "true")
    warned = "torch.compile" in capsys.readouterr().err
    assert warned == (said == "true" and keras.config.backend() == "torch")


@pytest.mark.skipif(keras.config.backend() == "jax", reason="JAX compiles for all its processes")
def test_several_processes_do_not_compile(make_model, spots):
    plan = engine.Plan("train", 1, 0.01, jit_compile="true")
    with pytest.raises(ValueError, match="jit_compile=true does not go with distribute on "):
        engine.fit(make_model(), spots, None, plan, share=Share(0, 2))


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"optimizer": "sgd", "learning_rate": 0.5, "clip_norm": 1.0},
        {"ema": 0.5, "accumulate": 2, "warmup_epochs": 0.5, "weight_decay": 0.1},
        {"label_smoothing": 0.1},
        {"optimizer": "muon", "lookahead": 2, "ema": 0.5, "accumulate": 2, "clip_adaptive": 0.5},
        {"optimizer": "lamb", "layer_decay": 0.9, "l2": 1e-4, "schedule": "one_cycle"},
    ],
    ids=lambda plan: "-".join(plan) or "plain",
)
def test_it_learns(make_model, spots, plan):
    rows = fit(make_model(), spots, epochs=6, **plan)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["learning_rate"] < 1e-6
    assert all(set(row) == set(COLUMNS) for row in rows)


def test_mixed_labels_and_logits_train_too(make_model, make_spots):
    model = make_model(activation=None)
    rows = engine.fit(model, make_spots(mixed=True), make_spots(), engine.Plan("train", 6, 0.02))
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert 0 < rows[-1]["val_loss"] < 1.2
    answers = Classification().answers(model.predict(np.zeros((2, 8, 8, 3)), verbose=0))
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


def test_plateau_lowers_the_rate_and_a_resumed_run_knows(make_model, spots, make_run, monkeypatch):
    """After every second epoch without a better one; He et al., 2016, divide by ten."""
    scores = [0.5, 0.6, 0.6, 0.4, 0.6, 0.7, 0.6]
    how = {"schedule": "plateau", "decay_epochs": (2,), "optimizer": "lamb", "lookahead": 2}
    how |= {"epochs": 7, "warmup_epochs": 1.0, "final_learning_rate": 1e-4}

    def examine(*_, **__):
        return {"loss": 1.0, "accuracy": next(coming)}, lambda _names: []

    monkeypatch.setattr(Classification, "examine", examine)
    coming = iter(scores)
    rows = fit(make_model(), spots, make_run("whole"), **how)
    lowered = [0.02, 0.02, 0.02, 0.02, 0.002, 0.002, 0.002]
    assert [row["learning_rate"] for row in rows[1:]] == pytest.approx(lowered[1:], rel=1e-5)
    run, coming = make_run("killed"), iter(scores)
    monkeypatch.setattr(engine.Recorder, "on_epoch_begin", dies_in(5))
    with pytest.raises(KeyboardInterrupt):
        fit(make_model(), spots, run, **how)
    monkeypatch.undo()
    monkeypatch.setattr(Classification, "examine", examine)
    coming = iter(scores[5:])
    resumed = fit(make_model(), spots, run, **how)
    for a, b in zip(rows, resumed, strict=True):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}


def dies_in(epoch: int):
    """What replaces `Recorder.on_epoch_begin` to stop a run before an epoch."""
    begin = engine.Recorder.on_epoch_begin

    def on_epoch_begin(self, number, logs=None):
        if number == epoch:
            raise KeyboardInterrupt
        begin(self, number, logs)

    return on_epoch_begin


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_trains_and_resumes(make_model, spots, make_run, precision):
    from kapps.training import devices

    with devices.precision(precision):
        model = make_model()
    assert keras.config.dtype_policy().name == "float32"
    run = make_run()
    how = {"ema": 0.5, "lookahead": 2 if precision == "mixed_float16" else 0}
    rows = fit(model, spots, run, **how)
    assert np.isfinite(rows[-1]["loss"])
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    with devices.precision(precision):
        again = make_model()
    assert fit(again, spots, run, **how) == rows


def test_the_judge_sees_every_image_once(make_model, make_spots):
    """Against Keras's own evaluate, whose last batch is shorter."""
    model, data = make_model(), make_spots()
    rows = fit(model, data, epochs=1)
    images, labels = (np.concatenate(part) for part in zip(*data, strict=True))
    assert len(images) == 19
    loss, accuracy = model.evaluate(images, labels, batch_size=19, verbose=0)
    assert rows[-1]["val_loss"] == pytest.approx(loss, rel=1e-4)
    assert rows[-1]["val_accuracy"] == pytest.approx(accuracy)


def test_checkpoints_hold_the_averaged_weights(make_model, spots, make_run):
    run, model = make_run(), make_model()
    rows = fit(model, spots, run, ema=0.9, epochs=2)
    last = run.load_model("last")
    final = {v.path: np.array(v) for v in model.weights}  # Keras leaves the average in the model
    images, labels = next(iter(spots))
    for variable in last.weights:
        np.testing.assert_allclose(np.array(variable), final[variable.path], rtol=1e-6)
    with np.load(run.backup / "train.npz") as stored:
        own = [stored[f"model/{i}"] for i in range(len(model.variables))]
    trainable = {id(v) for v in model.trainable_variables}
    moved = [
        not np.allclose(a, np.array(v))
        for a, v in zip(own, model.variables, strict=True)
        if id(v) in trainable
    ]
    assert all(moved)  # the backup keeps what the optimiser was working on
    answers = Classification().answers(last.predict(images, verbose=0))
    assert answers.shape == (len(labels), 3)
    assert rows[-1] in run.metrics["history"]


def test_the_best_epoch_is_kept(make_model, spots, make_run, monkeypatch):
    scores = iter([0.5, 0.9, 0.7])
    seen = []

    def examine(task, model, data):
        seen.append([np.array(w) for w in model.get_weights()])
        return {"loss": 1.0, "accuracy": next(scores)}, lambda names: []

    monkeypatch.setattr(Classification, "examine", examine)
    run = make_run()
    fit(make_model(), spots, run, epochs=3)
    for which, epoch in (("best", 1), ("last", 2)):
        for a, b in zip(run.load_model(which).get_weights(), seen[epoch], strict=True):
            np.testing.assert_array_equal(a, b)
    assert run.metrics["best"]["epoch"] == 2


def test_early_stopping_counts_epochs_without_a_better_one(
    make_model, spots, make_run, monkeypatch
):
    scores = iter([0.5, 0.6, 0.6, 0.4, 0.9])
    examine = lambda *_: ({"loss": 1.0, "accuracy": next(scores)}, lambda _names: [])  # noqa: E731
    monkeypatch.setattr(Classification, "examine", examine)
    run = make_run()
    assert len(fit(make_model(), spots, run, epochs=5, patience=2)) == 4
    # Resumed, it does not go on.
    assert len(fit(make_model(), spots, run, epochs=5, patience=2)) == 4


def test_a_loss_that_is_no_number_stops_with_a_sentence(make_model, spots):
    with pytest.raises(RunError, match="lower learning_rate"):
        fit(make_model(), spots, optimizer="sgd", learning_rate=1e30)


def test_too_few_images_are_refused(make_model, make_spots):
    data = make_spots()
    data.steps = 0
    with pytest.raises(ValueError, match="batch_size"):
        fit(make_model(), data)


def test_the_run_folder(make_model, spots, make_run):
    run = make_run()
    rows = fit(make_model(), spots, run)
    files = {path.name for path in run.path.iterdir()}
    assert files == {
        "settings.yaml", "environment.json", "labels.txt", "spec.json", "metrics.csv",
        "metrics.json", "best.keras", "last.keras", "tensorboard", "backup",
        "findings.json", "report.html",
    }  # fmt: skip
    assert run.labels == ["a", "b", "c"]
    assert run.spec == {"size": 8}
    environment = json.loads((run.path / "environment.json").read_text())
    assert environment["backend"] == keras.config.backend()
    assert environment["versions"]["keras"] == keras.__version__
    assert environment["devices"]
    table = (run.path / "metrics.csv").read_text().splitlines()
    assert table[0] == ",".join(COLUMNS)
    assert len(table) == 1 + len(rows)
    assert len(list(run.tensorboard.iterdir())) == 1
    assert runs.Run.open(run.path).metrics["history"] == rows


def test_a_model_of_the_run_is_not_compiled(make_model, spots, make_run):
    """The optimiser's state is in the backup; a checkpoint has the size of the weights."""
    run = make_run()
    fit(make_model(), spots, run)
    assert not run.load_model().compiled


def test_state_of_another_model_is_refused(make_model, spots, make_run):
    run = make_run()
    fit(make_model(), spots, run, epochs=1)
    with pytest.raises(RunError, match="another model"):
        fit(make_model(classes=4), spots, run, epochs=2)
    image = keras.Input((8, 8, 3))
    other = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(image)))
    with pytest.raises(RunError, match="another model"):
        fit(other, spots, run, epochs=2)


def test_a_damaged_backup_is_named(make_model, spots, make_run):
    run = make_run()
    fit(make_model(), spots, run, epochs=1)
    path = run.backup / "train.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError, match=r"train\.npz cannot be read"):
        fit(make_model(), spots, run, epochs=2)
    with pytest.raises(RunError, match="delete it"):
        state.read_progress(path)
