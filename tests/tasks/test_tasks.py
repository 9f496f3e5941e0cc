"""Each task through the commands: photos in, a run, its answers, a file for a phone."""

import json

import keras
import numpy as np
import pytest
from sklearn import metrics

from kapps import runs
from kapps.cli.settings import main
from kapps.errors import SettingsError
from kapps.recipes import evaluate, export, finetune, predict, train
from kapps.tasks import scoring
from kapps.tasks.distillation import Distillation
from kapps.tasks.losses import ScaledError
from kapps.tasks.regression import Regression

SMALL = {"model": "LeNet5", "size": 32, "epochs": 6, "batch_size": 16, "tensorboard": False}


def train_on(spotted, out, table: str, **more):
    settings = {**SMALL, "learning_rate": 0.01, "augment": "none", **more}
    train.run(train.Settings(data=f"csv:{spotted / table}.csv", out=str(out), **settings))
    return runs.Run.open(out)


@pytest.fixture(scope="module")
def labelled(spotted, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "labels"
    return train_on(spotted, out, "labels", task="multilabel", epochs=12)


@pytest.fixture(scope="module")
def measured(spotted, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "values"
    return train_on(spotted, out, "bright", task="regression", epochs=12)


def test_several_labels(labelled, spotted, capsys):
    assert labelled.labels == ["green", "red"]
    rows = labelled.metrics["history"]
    names = ("loss", "val_loss", "val_mean_average_precision", "val_f1")
    assert tuple(rows[0]) == (*runs.COLUMNS, *names)
    assert labelled.metrics["best"][names[2]] == max(row[names[2]] for row in rows) > 0.9
    assert max(row["val_f1"] for row in rows) > 0.8
    found = evaluate.run(evaluate.Settings(str(labelled.path), json=True))
    assert found["mean_average_precision"] == pytest.approx(
        labelled.metrics["best"]["val_mean_average_precision"]
    )
    assert [row["label"] for row in found["per_class"]] == ["green", "red"]
    (both,) = predict.run(predict.Settings((str(spotted / "3.png"),), model=str(labelled.path)))
    assert {row["label"] for row in both["predictions"]} == {"green", "red"}
    (none,) = predict.run(predict.Settings((str(spotted / "0.png"),), model=str(labelled.path)))
    assert none["predictions"] == []
    assert evaluate.run(evaluate.Settings(str(labelled.path)))
    assert "average precision" in capsys.readouterr().out


def test_numbers(measured, spotted):
    rows = measured.metrics["history"]
    assert rows[-1]["val_mean_absolute_error"] < 1.0  # of 0 to 10
    assert rows[-1]["val_r2"] > 0.7
    best = measured.metrics["best"]["val_mean_absolute_error"]
    assert best == min(row["val_mean_absolute_error"] for row in rows)
    found = evaluate.run(evaluate.Settings(str(measured.path)))
    assert found["mean_absolute_error"] == pytest.approx(best, rel=1e-4)
    (row,) = found["per_number"]
    assert row["label"] == "brightness"
    assert row["root_mean_square_error"] >= row["mean_absolute_error"]
    (picture,) = predict.run(predict.Settings((str(spotted / "0.png"),), model=str(measured.path)))
    (answer,) = picture["predictions"]
    assert answer["label"] == "brightness"
    assert 0 <= answer["value"] <= 10.5


@pytest.mark.parametrize("which", ["labelled", "measured"])
def test_a_phone_answers_the_same(which, request, tmp_path, spotted):
    run = request.getfixturevalue(which)
    out = tmp_path / "bundle"
    export.run(export.Settings(model=str(run.path), out=str(out), quantize="int8", max_drop=5.0))
    spec = json.loads((out / "spec.json").read_text())
    assert spec["output"]["kind"] == ("values" if which == "measured" else "probabilities")
    image = str(spotted / "3.png")
    phone, keras_ = (
        predict.run(predict.Settings((image,), model=str(where)))[0]["predictions"]
        for where in (out, run.path)
    )
    assert [row["label"] for row in phone] == [row["label"] for row in keras_]
    if which == "measured":
        assert phone[0]["value"] == pytest.approx(keras_[0]["value"], abs=0.5)


def test_the_head_alone_learns_numbers_in_their_units(measured, spotted, tmp_path):
    """On features: the scale of the numbers is outside the classifier that is trained."""
    out = tmp_path / "run"
    finetune.run(
        finetune.Settings(
            data=f"csv:{spotted / 'bright.csv'}", model=str(measured.path), out=str(out),
            task="regression", epochs=0, epochs_head=20, augment="none", tensorboard=False,
        )
    )  # fmt: skip
    run = runs.Run.open(out)
    assert run.metrics["best"]["val_mean_absolute_error"] < 1.0
    again = evaluate.run(evaluate.Settings(str(out)))
    assert again["mean_absolute_error"] == pytest.approx(
        run.metrics["best"]["val_mean_absolute_error"], rel=1e-3
    )


def test_a_setting_of_another_task_is_refused_by_name(spotted, tmp_path, capsys):
    words = ["--data", f"csv:{spotted / 'bright.csv'}", "--model", "LeNet5", "--out", str(tmp_path)]
    assert main(train.Settings, train.run, [*words, "--task", "regression", "--teacher", "x"]) == 2
    said = capsys.readouterr().err
    assert "teacher='x' is no setting of task=regression, which has loss, metric; drop it." in said
    assert main(train.Settings, train.run, [*words, "--task", "regression", "--mix", "mixup"]) == 2
    assert "mix='mixup' does not go with task=regression" in capsys.readouterr().err
    assert main(train.Settings, train.run, [*words, "--task", "distillation"]) == 2


def test_scores_equal_scikit_learn():
    random = np.random.default_rng(0)
    scores = random.integers(0, 20, (60, 4)) / 20  # with equal ones
    targets = (random.random((60, 4)) < 0.3).astype("float32")
    expected = metrics.average_precision_score(targets, scores, average="macro")
    assert scoring.mean_average_precision(scores, targets) == pytest.approx(expected)
    f1 = metrics.f1_score(targets, scores >= 0.5, average="micro")
    assert scoring.f1(scores >= 0.5, targets) == pytest.approx(f1)
    loss = metrics.log_loss(targets.ravel(), scores.clip(1e-7, 1 - 1e-7).ravel())
    assert scoring.binary_cross_entropy(scores, targets) == pytest.approx(loss)
    y, p = random.normal(3, 2, (30, 2)), random.normal(3, 2, (30, 2))
    found = Regression().measure(p, y)
    assert found["r2"] == pytest.approx(metrics.r2_score(y, p))
    assert found["mean_absolute_error"] == pytest.approx(metrics.mean_absolute_error(y, p))


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("mse", keras.losses.MeanSquaredError()),
        ("mae", keras.losses.MeanAbsoluteError()),
        ("huber", keras.losses.Huber()),
    ],
)
def test_errors_are_counted_in_deviations(kind, function):
    y, p = np.array([[1.0, 100], [2, 300]]), np.array([[1.5, 150], [5, 310]])
    scale = [0.5, 100.0]
    loss = ScaledError(kind, scale)
    expected = float(function(y / scale, p / scale))
    assert float(loss(y, p)) == pytest.approx(expected, rel=1e-6)


def test_a_number_that_never_changes_teaches_nothing():
    with pytest.raises(SettingsError, match="the number 'b' is the same in all pictures"):
        Regression().see(np.array([[1.0, 2], [2, 2]]), ["a", "b"])


@pytest.mark.contract
@pytest.mark.parametrize("distill", ["soft", "hard", "features"])
def test_the_loss_of_a_teacher_is_the_papers(distill, make_student):
    student, teacher = make_student(0), make_student(1)
    x = np.random.default_rng(0).integers(0, 255, (6, 4, 4, 3)).astype("uint8")
    y = np.array([0, 1, 2, 0, 1, 2])
    task = Distillation(distill=distill, distill_weight=0.25, temperature=2.0)
    task.knows = make_student.knows(teacher, distill)
    trainee = task.trainee(student)
    trainee.compile(keras.optimizers.SGD(0.0), **task.compiled(student))
    found = trainee.fit(x, y, batch_size=6, verbose=0).history["loss"][0]
    s, t = (m.predict_on_batch(x).astype("float64") for m in (student, teacher))
    own = -np.log(s[np.arange(6), y]).mean()
    if distill == "soft":
        s2, t2 = (np.sqrt(p) / np.sqrt(p).sum(1, keepdims=True) for p in (s, t))  # T = 2
        taught = 4 * (t2 * np.log(t2 / s2)).sum(1).mean()
    elif distill == "hard":
        taught = -np.log(s[np.arange(6), t.argmax(1)]).mean()
    else:
        below = [
            keras.Model(m.input, m.layers[-1].input).predict_on_batch(x) for m in (student, teacher)
        ]
        kernel, bias = trainee.map.get_weights()
        taught = ((below[0] @ kernel + bias - below[1]) ** 2).mean()
    assert found == pytest.approx(0.75 * own + 0.25 * taught, rel=1e-4)
    names = {v.path for v in trainee.trainable_variables}
    assert not names & {v.path for v in teacher.variables}


@pytest.fixture
def make_student():
    from kapps.tasks import teachers

    def make(seed: int):
        keras.utils.set_random_seed(seed)
        image = keras.Input((4, 4, 3))
        x = keras.layers.Rescaling(1 / 255)(image)
        x = keras.layers.Dense(5 + seed, "relu", name=f"hidden{seed}")(keras.layers.Flatten()(x))
        return keras.Model(image, keras.layers.Dense(3, "softmax", name=f"last{seed}")(x))

    def knows(teacher, distill):
        found = teachers.KerasTeacher.__new__(teachers.KerasTeacher)
        found.found = type("Found", (), {"image_shape": (4, 4, 3), "channels_first": False})
        found.model, found.kind, found.order = teacher, "probabilities", np.arange(3)
        teacher.trainable = False
        if distill == "features":
            found.model, found.order = teachers.below_classifier(teacher, "it"), None
        return found

    make.knows = knows
    return make


@pytest.mark.parametrize("teacher", ["run", "tflite"])
def test_any_model_teaches_by_the_names_of_its_classes(teacher, tmp_path, spotted):
    """Its classes stand in another order, and it has one more."""
    folders = tmp_path / "photos"
    for i in range(60):
        name = ("dark", "bright")[i % 4 == 3]
        (folders / name).mkdir(parents=True, exist_ok=True)
        (folders / name / f"{i}.png").write_bytes((spotted / f"{i}.png").read_bytes())
    run = tmp_path / "teacher"
    common = {**SMALL, "epochs": 1, "augment": "none"}
    train.run(train.Settings(data=f"folder:{folders}", out=str(run), **common))
    if teacher == "tflite":
        export.run(export.Settings(model=str(run), out=str(tmp_path / "phone")))
        run = tmp_path / "phone" / "model.tflite"
    out = tmp_path / "student"
    settings = {**common, "epochs": 2, "size": 36, "task": "distillation", "teacher": str(run)}
    train.run(train.Settings(data=f"folder:{folders}", out=str(out), **settings))
    student = runs.Run.open(out)
    assert student.spec["task"] == "classification"
    assert student.load_model().count_params() < 100_000  # the student alone
    assert evaluate.run(evaluate.Settings(str(out)))["images"] > 0
    (folders / "blue").mkdir()
    (folders / "blue" / "1.png").write_bytes((spotted / "1.png").read_bytes())
    with pytest.raises(ValueError, match="the class 'blue' is none of the model's 2 classes"):
        train.run(train.Settings(data=f"folder:{folders}", out=str(tmp_path / "b"), **settings))
