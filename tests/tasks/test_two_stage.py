"""The task of boxes with a detector of two stages, which ends in detections."""

import numpy as np
import pytest

from kapps import data, training
from kapps.errors import ExportError, SettingsError
from kapps.export import answers
from kapps.tasks.detection import Detection
from kapps.training.pictures import Pictures
from tests.tasks.detectors import SIZE, photos, two_stage_network

PARTS = ["class_loss", "box_loss", "objectness_loss", "region_loss"]


@pytest.fixture(scope="module")
def voc(tmp_path_factory):
    return photos(tmp_path_factory.mktemp("voc"))


def load(voc, split, **more):
    return data.load(voc, annotation="boxes", size=SIZE, split=split, batch_size=4, **more)


@pytest.mark.sweep
def test_it_learns_to_find_squares(voc):
    train = load(voc, "train", training=True, drop_remainder=True, augment="none")
    model, task = two_stage_network(), Detection()
    rows = training.fit(
        model, train, load(voc, "val"), epochs=20, learning_rate=0.01, task=task, seed=1
    )
    first, last = rows[0], rows[-1]
    assert last["loss"] == pytest.approx(sum(last[name] for name in PARTS), rel=1e-4)
    assert last["loss"] < first["loss"] / 2
    assert last["val_map50"] > 0.4


def test_both_stages_get_gradients_and_a_step_has_all_parts(voc):
    model, task = two_stage_network(), Detection(box_weight=2.0)
    trainee = task.trainee(model)
    trainee.compile(optimizer="sgd", **task.compiled(model))
    assert [metric.name for metric in task.metrics] == ["map", "map50", "recall", *PARTS]
    before = {v.path: np.array(v) for v in model.trainable_variables}
    row = trainee.train_on_batch(*next(iter(load(voc, "train"))), return_dict=True)
    others = sum(row[name] for name in PARTS[1:])
    assert row["loss"] == pytest.approx(row["class_loss"] + 2 * others, rel=1e-5)
    same = [v.path for v in model.trainable_variables if (np.array(v) == before[v.path]).all()]
    assert not same and len(before) == len(trainee.trainable_variables)


def test_it_is_judged_as_it_answers(voc):
    task, val = Detection(threshold=0.0), load(voc, "val")
    network = task.answering(two_stage_network())
    assert set(network.output) == {"boxes", "scores", "classes"} and task.count(network) == 2
    assert answers.of({"annotation": "boxes"}).count(network) == 2
    numbers, show = task.examine(network, Pictures(val))
    assert set(PARTS) < set(numbers) and np.isfinite(list(numbers.values())).all()
    assert show(["one", "two"])


def test_what_cannot_be_is_one_sentence():
    with pytest.raises(ExportError, match="toy_of_two_stages has two stages"):
        answers.of({"annotation": "boxes"}).to_convert(two_stage_network(), "float32")
    from kapps.applications import MaskRCNN

    small = {"weights": None, "backbone": "MobileNetV3Small", "input_shape": (64, 64, 3)}
    with pytest.raises(SettingsError, match="maskrcnn also answers masks"):
        Detection().trainee(MaskRCNN(**small, classes=2, regions=8))
