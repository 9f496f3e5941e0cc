import keras
import numpy as np
import pytest

from kapps import runs
from kapps.data import Order
from kapps.tasks.classification import Classification
from kapps.training import engine, features

pytestmark = pytest.mark.contract


class Counting:
    """Batches that count how often each was asked for."""

    def __init__(self, data):
        self.batches, self.seen = list(data), 0

    def __iter__(self):
        for images, labels in self.batches:
            self.seen += len(images)
            yield images, labels


@pytest.fixture
def counting(spots):
    return Counting(spots)


def test_the_backbone_ends_below_dropout(make_model):
    model = make_model()
    backbone = features.backbone_of(model)
    assert backbone.output_shape == (None, 8)
    assert "head_dropout" not in [layer.name for layer in backbone.layers]
    no_dense = keras.Model(model.input, model.get_layer("avg_pool").output)
    with pytest.raises(ValueError, match="replace_head"):
        features.backbone_of(no_dense)


def test_features_are_what_the_network_says(make_model, counting):
    backbone = features.backbone_of(make_model())
    found = features.extract(backbone, counting, 8, 19)
    images = np.concatenate([images for images, _ in counting.batches])
    expected = backbone.predict(images.astype("float32"), verbose=0)
    np.testing.assert_allclose(found.rows, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found.labels, np.concatenate([b for _, b in counting.batches]))


def test_stored_features_are_read_again(make_model, counting, tmp_path):
    backbone = features.backbone_of(make_model())
    first = features.extract(backbone, counting, 8, 19, folder=tmp_path, key={"part": "train"})
    assert counting.seen == 19
    again = features.extract(backbone, counting, 8, 19, folder=tmp_path, key={"part": "train"})
    assert counting.seen == 19  # every image once
    np.testing.assert_array_equal(first.rows, again.rows)
    np.testing.assert_array_equal(first.labels, again.labels)
    features.extract(backbone, counting, 8, 19, folder=tmp_path, key={"part": "val"})
    assert counting.seen == 38  # another key
    backbone.set_weights([w + 1 for w in backbone.get_weights()])
    features.extract(backbone, counting, 8, 19, folder=tmp_path, key={"part": "train"})
    assert counting.seen == 57  # other weights


def test_an_interrupted_extraction_stores_nothing(make_model, counting, tmp_path):
    backbone = features.backbone_of(make_model())

    def broken():
        yield counting.batches[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features.extract(backbone, broken(), 8, 19, folder=tmp_path, key={})
    assert list(tmp_path.iterdir()) == []


def test_large_features_stay_on_disk(make_model, counting, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "IN_MEMORY", 100)
    backbone = features.backbone_of(make_model())
    found = features.extract(backbone, counting, 8, 19, folder=tmp_path, key={})
    assert isinstance(found.rows, np.memmap)
    plan = engine.Plan("head", 2, 0.01)
    assert len(features.train_head(make_model(), found, found, plan, 8)) == 2


def test_images_that_turn_out_damaged_may_be_missing(make_model, counting, tmp_path):
    backbone = features.backbone_of(make_model())
    for folder in (None, tmp_path):
        found = features.extract(backbone, counting, 8, 25, folder=folder, key={})
        assert len(found.rows) == len(found.labels) == 19
    with pytest.raises(ValueError, match="more than the 10"):
        features.extract(backbone, counting, 8, 10)
    with pytest.raises(ValueError, match="no images"):
        features.extract(backbone, [], 8, 10)


@pytest.mark.parametrize("bias", [True, False])
def test_the_trained_head_is_folded_into_the_model(make_model, make_spots, bias):
    model = make_model()
    if not bias:
        x = model.get_layer("head_dropout").output
        dense = keras.layers.Dense(3, "softmax", use_bias=False, name="predictions")
        model = keras.Model(model.input, dense(x))
    data = make_spots()
    below = [np.array(w) for w in features.backbone_of(model).get_weights()]
    found = features.extract(features.backbone_of(model), data, 8, 19)
    rows = features.train_head(model, found, found, engine.Plan("head", 30, 0.05), 8)
    best = runs.best_row(rows, Classification.metrics[0])
    assert best["val_accuracy"] > 0.7
    # The whole model is exactly as good as its head on the features was.
    judged = Classification().judge(model, data)
    assert judged["loss"] == pytest.approx(best["val_loss"], rel=1e-3)
    assert judged["accuracy"] == best["val_accuracy"]
    for old, new in zip(below, features.backbone_of(model).get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_every_epoch_has_its_own_order():
    found = features.Features(np.arange(20, dtype="float32")[:, None], np.arange(20))
    batches = features.FeatureBatches(found, np.float32(0), np.float32(1), 6, seed=1)
    assert batches.steps == 3

    def order(number):
        return [tuple(labels) for _, labels in batches.epoch(number)]

    assert order(0) == order(0) != order(1)
    assert len({label for batch in order(0) for label in batch}) == 18
    assert [len(labels) for _, labels in batches] == [6, 6, 6, 2]


def test_rare_classes_come_as_often_as_they_are_told_to():
    labels = np.repeat([0, 1], [15, 5])
    found = features.Features(np.arange(20, dtype="float32")[:, None], labels)
    one, order = np.float32(1), Order(balance=1.0)
    batches = features.FeatureBatches(found, one, one, 5, 1, order=order, groups=labels)
    drawn = np.concatenate([numbers for _, numbers in batches.epoch(0)])
    np.testing.assert_array_equal(np.bincount(drawn), [10, 10])


def test_the_head_ends_with_its_best_epoch(make_model, make_spots, monkeypatch):
    """Judged worse and worse: the first epoch is the best, and only it."""
    found = features.extract(features.backbone_of(make_model()), make_spots(), 8, 19)
    plain, accuracies = Classification.examine, iter((0.9, 0.8, 0.7))

    def examine(task, model, data, advance=None):
        kept.append([np.array(w) for w in model.get_weights()])
        numbers, show = plain(task, model, data, advance)
        return {**numbers, "accuracy": next(accuracies)}, show

    kept: list = []
    monkeypatch.setattr(Classification, "examine", examine)
    plan, model = engine.Plan("head", 3, 0.05, ema=0.5), make_model()
    rows = features.train_head(model, found, found, plan, 8)
    assert [row["val_accuracy"] for row in rows] == [0.9, 0.8, 0.7]
    mean, std = features._moments(found.rows)
    kernel, bias = kept[0]
    kernel = kernel / std[:, None]
    for got, expected in zip(
        model.get_layer("predictions").get_weights(), (kernel, bias - mean @ kernel), strict=True
    ):
        np.testing.assert_array_equal(np.array(got), expected)
    assert not np.array_equal(kept[0][0], kept[2][0])
