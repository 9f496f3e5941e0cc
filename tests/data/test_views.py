"""Several views of a picture, and data sets read side by side."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kapps.data import Beside, View, load

from . import pictures


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    pictures.write_class_folders(folder / "known", {"cat": 6, "dog": 6}, (48, 40))
    pictures.write_class_folders(folder / "loose", {"a": 5, "b": 5}, (48, 40))
    return folder


def known(photos, **options):
    given = {"size": 16, "training": True, "batch_size": 4, "drop_remainder": True, "seed": 3}
    return load(photos / "known", split="all", **{**given, **options})


def same(one, other):
    tf.nest.assert_same_structure(one, other)
    for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_the_first_of_two_views_is_that_of_one(photos, cache):
    one, two = (known(photos, views=views, cache=cache) for views in (1, 2))
    spec = two.batches.element_spec
    assert [view.shape for view in spec[0]] == [(4, 16, 16, 3)] * 2
    for (images, labels), ((first, second), more) in zip(one, two, strict=True):
        np.testing.assert_array_equal(images, first)
        np.testing.assert_array_equal(labels, more)
        # The second is another piece of the same picture: other pixels of nearly its colour.
        assert (first != second).any(axis=(1, 2, 3)).all()
        colour = np.abs(first.mean((1, 2), float) - second.mean((1, 2), float)).max()
        assert colour < 40
    two.set_epoch(0)
    for batch, again in zip(two, two.epochs(0, 1).as_numpy_iterator(), strict=True):
        same(batch, again)


def test_views_differ_as_they_are_told(photos):
    layer = keras.layers.RandomBrightness((0.5, 0.5), seed=1)  # brighter by half of the range
    views = [View("none"), View(layer), View(size=8, scale=(0.1, 0.3))]
    dataset = known(photos, views=views, cache="none")
    plain = known(photos, augment="none", cache="none")
    (images, _), ((weak, strong, small), _) = next(iter(plain)), next(iter(dataset))
    np.testing.assert_array_equal(weak, images)
    assert strong.mean() > weak.mean() + 60
    assert small.shape == (4, 8, 8, 3)


def test_views_of_a_share(photos):
    whole = known(photos, views=2, augment="keras:RandomContrast(factor=0.0)")
    parts = [known(photos, views=2, share=(rank, 2)) for rank in (0, 1)]
    for ((one, two), labels), *halves in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(labels, np.concatenate([half[1] for half in halves]))
        for i, view in enumerate((one, two)):
            np.testing.assert_array_equal(view, np.concatenate([half[0][i] for half in halves]))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"views": 0}, "views=0 is not a whole number above 0"),
        ({"views": 2, "mix": "mixup"}, "mix='mixup' blends one picture .* not several views"),
        ({"views": 2, "training": False, "drop_remainder": False}, "need training=True"),
    ],
)
def test_views_that_are_refused(photos, options, message):
    with pytest.raises(ValueError, match=message):
        known(photos, **options)


def test_pictures_without_annotation(photos):
    dataset = load(photos / "loose", annotation="none", size=8, split="all", batch_size=5)
    assert dataset.class_names == () and dataset.images == 10
    batches = list(dataset)
    assert [len(batch) for batch in batches] == [1, 1] and batches[0][0].shape == (5, 8, 8, 3)
    for (images,), piped in zip(batches, dataset.batches.as_numpy_iterator(), strict=True):
        np.testing.assert_array_equal(images, piped[0])
    model = keras.Sequential([keras.layers.Rescaling(1 / 255), keras.layers.Flatten()])
    assert model.predict(dataset.batches, verbose=0).shape == (10, 192)


@pytest.fixture
def both(photos):
    """12 labelled pictures in 3 steps of 4, beside 10 unlabelled ones in 5 steps of 2."""
    views = [View("default"), View("keras:RandomBrightness(factor=0.3)")]
    loose = load(photos / "loose", annotation="none", size=16, split="all", training=True,
                 batch_size=2, drop_remainder=True, seed=4, views=views)  # fmt: skip
    return known(photos), loose


def test_each_step_reads_both_and_each_goes_on_where_it_was(both):
    labelled, loose = both
    beside = Beside(labelled, loose)
    assert (beside.steps, beside.batch_size, beside.images, len(beside)) == (3, 4, 12, 3)
    expected = []
    for epoch in range(4):  # 12 steps: of the unlabelled two epochs and two steps of the third
        labelled.set_epoch(epoch)
        expected += list(labelled)
    unlabelled = []
    for epoch in range(3):
        loose.set_epoch(epoch)
        unlabelled += list(loose)
    got = list(beside.epochs(0, 4).as_numpy_iterator())
    assert len(got) == 12 and beside.epochs(0, 4).cardinality() == 12
    for i, ((images, views), labels) in enumerate(got):
        same((images, labels), expected[i])
        same(views, unlabelled[i][0])
    # An epoch depends on its number alone.
    for (images, views), labels in beside.epochs(2, 3).as_numpy_iterator():
        expected_images, expected_labels = expected.pop(6)
        same((images, labels), (expected_images, expected_labels))
        same(views, unlabelled.pop(6)[0])


def test_beside_as_numpy_and_by_epoch(both):
    beside = Beside(*both)
    beside.set_epoch(1)
    first = list(beside)
    for batch, again in zip(first, beside.epochs(1, 2).as_numpy_iterator(), strict=True):
        same(batch, again)
    for batch, again in zip(beside, beside.epochs(2, 3).as_numpy_iterator(), strict=True):
        same(batch, again)  # the next one, by itself


def test_two_annotations_side_by_side(photos):
    beside = Beside(known(photos), known(photos, seed=9, batch_size=6))
    (first, second), (labels, more) = next(iter(beside))
    assert (len(first), len(second), len(labels), len(more)) == (4, 6, 4, 6)
    with pytest.raises(ValueError, match="Beside reads two data sets or more"):
        Beside(known(photos))


class Consistent(keras.Model):
    """Cross-entropy on the labelled, and the unlabelled views should agree."""

    def __init__(self):
        super().__init__()
        self.net = keras.Sequential(
            [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2)]
        )

    def call(self, inputs):
        labelled, (weak, strong) = inputs
        return self.net(labelled), self.net(weak), self.net(strong)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        known, weak, strong = y_pred
        loss = keras.losses.sparse_categorical_crossentropy(y, known, from_logits=True)
        return keras.ops.mean(loss) + keras.ops.mean((weak - strong) ** 2)


@pytest.mark.contract
def test_keras_trains_on_both(photos):
    """On every backend, by way of tf.data and by way of Python."""
    views = [View("default"), View("default")]
    loose = load(photos / "loose", annotation="none", size=16, split="all", training=True,
                 batch_size=2, drop_remainder=True, views=views)  # fmt: skip
    beside = Beside(known(photos), loose)
    losses = []
    for data in (beside.epochs(0, 2), (batch for batch in beside.epochs(0, 2).as_numpy_iterator())):
        keras.utils.set_random_seed(0)
        model = Consistent()
        model.compile("sgd")
        history = model.fit(data, epochs=2, steps_per_epoch=3, verbose=0, shuffle=False)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
