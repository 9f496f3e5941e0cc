"""The task of boxes: what is trained, judged, said and shown."""

import numpy as np
import pytest
from PIL import Image

from kapps import data, tasks
from kapps.errors import SettingsError
from kapps.reports import keeping
from kapps.runs import Run
from kapps.tasks import scoring
from kapps.tasks.detection import Detection
from kapps.tasks.findings import Samples
from kapps.training import freezing
from kapps.training.pictures import Pictures
from tests.tasks.detectors import SIZE, finder, network, photos


@pytest.fixture(scope="module")
def voc(tmp_path_factory):
    return photos(tmp_path_factory.mktemp("voc"))


def load(voc, split, **more):
    return data.load(voc, annotation="boxes", size=SIZE, split=split, batch_size=4, **more)


@pytest.mark.contract
def test_it_learns_to_find_squares(common):
    _, rows = finder(common)
    first, last = rows[0], rows[-1]
    assert last["loss"] == pytest.approx(last["class_loss"] + last["box_loss"], rel=1e-4)
    assert last["val_loss"] == pytest.approx(last["val_class_loss"] + last["val_box_loss"])
    assert last["loss"] < first["loss"] / 4
    assert last["val_map50"] > 0.8 and last["val_map"] > first["val_map"]
    assert list(last)[-1].startswith("val_") and "val_map" in last and "val_recall" in last


def test_losses_of_boxes_have_a_weight(voc):
    task, model = Detection(box_weight=3.0), network()
    trainee = task.trainee(model)
    trainee.compile(optimizer="sgd", **task.compiled(model))
    images, truth = next(iter(load(voc, "train")))
    row = trainee.train_on_batch(images, truth, return_dict=True)
    assert row["loss"] == pytest.approx(row["class_loss"] + 3 * row["box_loss"], rel=1e-5)
    assert [m.name for m in task.metrics] == ["map", "map50", "recall", "class_loss", "box_loss"]


def test_answers_of_a_perfect_detector(voc):
    """Boxes in pixels of the photo, not of the input; best and worst photos for the report."""
    task, val = Detection(), load(voc, "val")
    rows = {"boxes": [], "scores": []}
    for _, truth in val:
        hot = np.eye(2, dtype="float32")[truth["labels"]] * (truth["labels"] >= 0)[..., None]
        rows["boxes"].append(truth["boxes"])
        rows["scores"].append(0.9 * hot)
    answers = task.answers({key: np.concatenate(value) for key, value in rows.items()})
    truth = task.truth(val, {"labels": range(val.images)})
    result = task.evaluate(answers, truth, ["one", "two"], [None, None])
    assert result["map"] == pytest.approx(1.0) and result["map50"] == pytest.approx(1.0)
    assert result["images"] == 4 and result["boxes"] == 8
    assert [row["label"] for row in result["per_class"]] == ["one", "two"]
    assert task.tables(result)[0].rows[0][:3] == (4, 8, "100.0")

    place = (val.transform.placement(96, 72), (96, 72))
    said = task.say(answers[0], ["one", "two"], [None, None], 5, place)
    assert [set(row) for row in said["detections"]] == [{"label", "index", "score", "box"}] * 2
    marks = val.labels[0]
    for row in said["detections"]:
        i = int(np.abs(marks.boxes - row["box"]).sum(axis=1).argmin())
        assert row["box"] == pytest.approx(marks.boxes[i], abs=0.02)
        assert row["index"] == marks.labels[i] and row["score"] == pytest.approx(0.9)
    drawn = task.draw(Image.new("RGB", (96, 72)), said)
    left, top, *_ = (round(x) for x in said["detections"][0]["box"])
    assert drawn.size == (96, 72) and drawn.getpixel((left, top)) != (0, 0, 0)
    assert Detection(threshold=0.95).say(answers[0], ["one", "two"], [], 5)["detections"] == []


def test_a_report_shows_the_worst_photos_with_their_boxes(voc, tmp_path):
    task, val = Detection(threshold=0.0), load(voc, "val")
    numbers, show = task.examine(task.answering(network()), Pictures(val))
    assert numbers["map"] < 0.5 and np.isfinite(numbers["loss"])
    found = show(["one", "two"])
    worst = [one for one in found if isinstance(one, Samples)][0]
    assert "missed" in worst.samples[0].caption or "wrong" in worst.samples[0].caption
    assert {mark.kind for mark in worst.samples[0].marks} >= {"truth"}
    kept = keeping.save(Run(tmp_path), found, val.pictures)
    assert keeping.read(Run(tmp_path)) is not None
    pictures = [s.picture for one in kept if isinstance(one, Samples) for s in one.samples]
    assert pictures and all(one.startswith("data:image/jpeg") for one in pictures)


def test_new_layers_train_with_their_norms():
    model = network()
    done = freezing.unfreeze(model, "none", fresh=Detection().fresh(model))
    assert {"neck_conv", "neck_norm", "head_class", "head_box"} <= set(done.trained)
    assert "stage1_conv" in done.frozen and not done.norms


def test_what_is_saved_answers_boxes_and_scores():
    model = Detection().answering(network())
    assert set(scoring.shape_of(model)) == {"boxes", "scores"}
    assert Detection().outputs(scoring.shape_of(model)) == 2
    assert Detection().outputs((None, 10)) is None


def test_dictionaries_of_a_last_small_batch_are_joined():
    def predict(images):
        return {"a": images[:, 0] * 2, "b": images}

    batches = [(np.ones((2, 3)) * i, {"n": np.array([i, i])[: 2 - i]}) for i in range(2)]
    batches[1] = (batches[1][0][:1], batches[1][1])
    rows, truth = scoring.predict_batches(predict, batches, 2)
    assert rows["a"].tolist() == [0, 0, 2] and rows["b"].shape == (3, 3)
    assert truth["n"].tolist() == [0, 0, 1]


def test_only_a_detector_is_taken():
    import keras

    image = keras.Input((8, 8, 3))
    plain = keras.Model(image, keras.layers.Flatten()(image), name="plain")
    with pytest.raises(SettingsError, match="plain does not end in the layer 'boxes'"):
        Detection().trainee(plain)
    with pytest.raises(SettingsError, match="threshold=2"):
        Detection(threshold=2)


def test_a_model_says_its_own_task(tmp_path):
    assert tasks.of_model("EfficientNetLite0") == "classification"
    (tmp_path / "spec.json").write_text('{"task": "multilabel"}')
    assert tasks.of_model(str(tmp_path)) == "classification"
    (tmp_path / "spec.json").write_text('{"task": "detection"}')
    assert tasks.of_model(str(tmp_path)) == "detection"
    with pytest.raises(SettingsError, match="threshold has no effect on task=classification"):
        tasks.of_spec({}, threshold=0.5)
