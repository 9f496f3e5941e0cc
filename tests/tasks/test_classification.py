import keras
import numpy as np
import pytest

from kapps import tasks
from kapps.errors import SettingsError
from kapps.recipes import train
from kapps.tasks import scoring
from kapps.tasks.classification import Classification
from kapps.tasks.losses import BinaryCrossEntropy, CrossEntropy

LABELS = np.array([0, 2, 1, 2], "int32")
ROWS = np.array([[2, 0, -1], [0.5, 0.1, 0.2], [-1, 3, 0], [1, 1, 1]], "float32")
P = np.exp(ROWS) / np.exp(ROWS).sum(1, keepdims=True)


@pytest.mark.parametrize("from_logits", [False, True])
def test_focal_loss_is_the_papers(from_logits):
    right = P[np.arange(4), LABELS]
    expected = np.mean(-((1 - right) ** 2) * np.log(right))
    loss = CrossEntropy(from_logits=from_logits, gamma=2.0)
    assert float(loss(LABELS, ROWS if from_logits else P)) == pytest.approx(expected, rel=1e-5)


def test_balanced_classes_count_the_same():
    task = Classification(class_weights="balanced")
    task.see(LABELS, ["a", "b", "c"])
    np.testing.assert_allclose(task.weights, [4 / 3, 4 / 3, 2 / 3])  # as scikit-learn's "balanced"
    terms = -np.log(P[np.arange(4), LABELS])
    expected = np.mean(terms * np.array(task.weights)[LABELS])
    loss = CrossEntropy(class_weights=task.weights)
    assert float(loss(LABELS, P)) == pytest.approx(expected, rel=1e-5)


def test_binary_cross_entropy_of_mixed_labels():
    """timm's, written out: smoothed targets, then a threshold, then the mean over classes."""
    mixed = np.array([[0.7, 0.3, 0], [0, 0.1, 0.9]], "float32")
    y = mixed * 0.9 + 0.1 / 3
    s = 1 / (1 + np.exp(-ROWS[:2]))

    def expected(y):
        return np.mean(-(y * np.log(s) + (1 - y) * np.log(1 - s)))

    loss = BinaryCrossEntropy(0.1, from_logits=True)
    assert float(loss(mixed, ROWS[:2])) == pytest.approx(expected(y), rel=1e-5)
    loss = BinaryCrossEntropy(0.1, from_logits=True, threshold=0.2)
    assert float(loss(mixed, ROWS[:2])) == pytest.approx(expected(y > 0.2), rel=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert float(again(mixed, ROWS[:2])) == pytest.approx(expected(y > 0.2), rel=1e-5)


def test_your_own_loss_and_metric(monkeypatch, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from keras import ops\nimport numpy\n"
        "def distance(y, p):\n    return ops.mean((ops.one_hot(y, 3) - p) ** 2, axis=-1)\n"
        "def missed(y, p):\n    return (p.argmax(1) != y).mean()\n"
        "def alone(y):\n    return y\n"
        "number = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    task = Classification(loss="mine:distance", metric=("mine:missed",))
    assert [metric.name for metric in task.metrics] == ["accuracy", "missed"]
    assert task.measure(P, LABELS)["missed"] == 0.5
    with pytest.raises(SettingsError, match="loss='mine:nothing': mine has no 'nothing'"):
        Classification(loss="mine:nothing")
    with pytest.raises(SettingsError, match="loss='mine:number' is a int; expected a function"):
        Classification(loss="mine:number")
    with pytest.raises(SettingsError, match="called with .annotations, answers., which alone does"):
        Classification(metric=("mine:alone",))
    with pytest.raises(SettingsError, match="module 'yours' cannot be imported"):
        Classification(loss="yours:loss")
    with pytest.raises(SettingsError, match="loss='focus' is not one of"):
        Classification(loss="focus")


@pytest.mark.contract
def test_classifiers_on_the_side_count_as_told():
    """The loss of a step against the one written out; only the first output is measured."""
    keras.utils.set_random_seed(0)
    image = keras.Input((3,))
    outputs = [keras.layers.Dense(3, "softmax", name=name)(image) for name in ("main", "a", "b")]
    network = keras.Model(image, outputs)
    main, a, b = network.predict_on_batch(ROWS)

    def loss(p):
        return -np.log(p[np.arange(4), LABELS]).mean()

    task = Classification(aux_weight=0.3)
    trainee = task.trainee(network)
    trainee.compile(keras.optimizers.SGD(0.0), **task.compiled(network))
    logs = trainee.fit(ROWS, LABELS, batch_size=4, verbose=0).history
    assert logs["loss"][0] == pytest.approx(loss(main) + 0.3 * (loss(a) + loss(b)), rel=1e-5)
    assert logs["accuracy"][0] == scoring.accuracy(main, LABELS)


def test_a_task_is_found_by_name_and_refused_by_name(monkeypatch, tmp_path):
    assert tasks.find("classification") is Classification
    assert isinstance(tasks.of_spec({}), Classification)  # of before there were others
    with pytest.raises(SettingsError, match="'classificaton' is not a task; did you mean"):
        tasks.find("classificaton")
    (tmp_path / "no_task.py").write_text("class Thing: pass\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"no subclass of kapps\.tasks\.Task"):
        tasks.find("no_task:Thing")
    words = {"data": "digits", "out": "run", "model": "LeNet5"}
    options = train.Settings(**words, label_smoothing=0.2)
    assert tasks.make(options).label_smoothing == 0.2
    (tmp_path / "own.py").write_text(
        "from kapps.tasks import Task\n"
        "class Own(Task):\n    def __init__(self, *, momentum=0.5):\n        self.m = momentum\n"
    )
    # The optimiser's momentum is not the task's.
    assert tasks.make(train.Settings(**words, task="own:Own")).m == 0.5
    given = train.Settings(**words, task="own:Own", task_arguments=("momentum=0.7",))
    assert tasks.make(given).m == 0.7
    wrong = train.Settings(**words, task="own:Own", task_arguments=("mommentum=0.7",))
    with pytest.raises(SettingsError, match="has no argument 'mommentum'; it has momentum"):
        tasks.make(wrong)
