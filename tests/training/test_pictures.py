"""What goes into `fit`: batches of any nest of arrays, in the data format of the model."""

import keras
import numpy as np
import pytest

from kapps import data
from kapps.training import devices
from kapps.training.pictures import Pictures

pytestmark = pytest.mark.contract


@pytest.fixture
def beside():
    """Two views of digits in batches of 4, beside digits in batches of 2 that nobody labelled."""
    given = {"size": 8, "channels": 3, "training": True, "drop_remainder": True, "split": "all"}
    labelled = data.load("digits", annotation="values", limit=20, batch_size=4, views=2, **given)
    loose = data.load("digits", annotation="none", limit=10, batch_size=2, seed=1, **given)
    return data.Beside(labelled, loose)


def same(one, other):
    keras.tree.assert_same_structure(one, other)
    for a, b in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("first", [False, True])
def test_nests_of_arrays_in_both_data_formats(beside, first):
    pictures = Pictures(beside, first)
    assert (pictures.steps, pictures.batch_size, pictures.images) == (5, 4, 20)
    plain = list(beside.epochs(1, 2).as_numpy_iterator())
    piped = list(pictures.pipeline(1, 2).as_numpy_iterator())
    for (images, labels), batch, again in zip(plain, pictures.epoch(1), piped, strict=True):
        same(batch, again)
        same(batch[1], labels)
        moved = keras.tree.map_structure(
            lambda one: one.transpose(0, 3, 1, 2) if first else one, images
        )
        same(batch[0], moved)
    ((one, two), alone), _ = batch
    assert one.shape == two.shape == ((4, 3, 8, 8) if first else (4, 8, 8, 3))
    assert alone.shape == ((2, 3, 8, 8) if first else (2, 8, 8, 3))


def test_pictures_alone(beside):
    pictures = Pictures(beside.datasets[1], first=True)
    for batch, again in zip(pictures.epoch(0), pictures.pipeline(0, 1), strict=True):
        assert len(batch) == len(again) == 1 and batch[0].shape == (2, 3, 8, 8)
        np.testing.assert_array_equal(batch[0], again[0])


class Nested:
    steps = 2

    def epoch(self, number):
        for step in range(2):
            value = 10 * number + step
            masks = np.full((2, 3, 3), value, np.uint8)
            boxes = {"boxes": np.full((2, 1, 4), value, np.float32), "labels": np.zeros((2, 1))}
            yield (np.full((2, 3), value), masks), boxes


def test_a_backend_is_fed_any_nest():
    got = list(devices.feed(Nested(), 1, 3))
    expected = [batch for number in (1, 2) for batch in Nested().epoch(number)]
    for one, other in zip(got, expected, strict=True):
        same(one, other)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_devices_of_tensorflow_are_fed_any_nest():
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        pipeline = devices.feed(Nested(), 1, 3)
    assert pipeline.element_spec[1]["boxes"].shape == (2, 1, 4)
    expected = [batch for number in (1, 2) for batch in Nested().epoch(number)]
    for one, other in zip(pipeline.as_numpy_iterator(), expected, strict=True):
        same(one, other)
