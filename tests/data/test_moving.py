"""Keras's layers on boxes and masks: both are where the pixels are afterwards."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from kapps.data import augment, moving

L = keras.layers
GEOMETRY = {
    "flip": lambda: L.RandomFlip(seed=1),
    "translation": lambda: L.RandomTranslation(0.3, 0.3, fill_mode="constant", seed=1),
    "rotation": lambda: L.RandomRotation(0.1, fill_mode="constant", seed=1),
    "zoom": lambda: L.RandomZoom(0.3, 0.3, fill_mode="constant", seed=1),
    "perspective": lambda: L.RandomPerspective(1.0, scale=0.3, seed=1),
}


def batch(count=12, height=48, width=64):
    """White rectangles, their masks (class 0 in 255, "no class"), and their boxes in row 1 of 3."""
    rng = np.random.default_rng(0)
    images = np.zeros((count, height, width, 3), np.uint8)
    masks = np.full((count, height, width), 255, np.uint8)
    boxes = np.full((count, 3, 4), -1, np.float32)
    labels = np.full((count, 3), -1, np.int32)
    for i in range(count):
        w, h = rng.integers(10, 18, 2)
        left, top = rng.integers(14, 30), rng.integers(10, 20)
        images[i, top : top + h, left : left + w] = 255
        masks[i, top : top + h, left : left + w] = 0
        boxes[i, 0], labels[i, 0] = [left, top, left + w, top + h], 2
    return images, masks, {"boxes": boxes, "labels": labels}


def moved(layers, images, marks, annotation):
    augmenter = moving.Augmenter(layers, images.shape[1:], annotation)
    data = tf.data.Dataset.from_tensors((images, marks))
    data = data.map(lambda x, y: augmenter.move(x, y, tf.constant(5, tf.int64)))
    return next(data.as_numpy_iterator())


@pytest.mark.parametrize("name", GEOMETRY)
def test_boxes_and_masks_are_where_the_pixels_are(name):
    images, masks, boxes = batch()
    pixels, found = moved([GEOMETRY[name]()], images, boxes, "boxes")
    assert pixels.dtype == np.uint8 and (pixels != images).any()
    assert found["boxes"].dtype == np.float32 and found["labels"].dtype == np.int32
    assert found["boxes"].shape == (12, 3, 4)
    seen = 0
    for picture, rows, labels in zip(pixels, found["boxes"], found["labels"], strict=True):
        assert (rows[labels < 0] == -1).all() and (labels[1:] == -1).all()
        ys, xs = np.nonzero(picture[..., 0] >= 128)
        if len(xs):
            edges = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            np.testing.assert_allclose(rows[0], edges, atol=1.3)
            seen += 1
    assert seen > 8
    # The mask by the same numbers: it lies on the same pixels, and what moved in has no class.
    pixels, found = moved([GEOMETRY[name]()], images, masks, "mask")
    assert found.dtype == np.uint8 and set(np.unique(found)) == {0, 255}
    assert ((found == 0) == (pixels[..., 0] >= 128)).mean() > 0.999


def test_what_leaves_the_picture_is_gone_and_the_rest_moves_up():
    images, _, boxes = batch(2)
    boxes["boxes"][:, 1], boxes["labels"][:, 1] = boxes["boxes"][:, 0], 7
    boxes["boxes"][:, 0], boxes["labels"][:, 0] = [0, 0, 9, 9], 1
    # Everything goes 20 % of 64 columns to the left: the first box by more than its width.
    layer = L.RandomTranslation(0.0, (-0.2, -0.2), fill_mode="constant", seed=1)
    _, found = moved([layer], images, boxes, "boxes")
    assert found["labels"].tolist() == [[7, -1, -1]] * 2
    expected = boxes["boxes"][:, 1] - [12.8, 0, 12.8, 0]
    np.testing.assert_allclose(found["boxes"][:, 0], expected, atol=1e-3)
    np.testing.assert_array_equal(found["boxes"][:, 1:], -1)


@pytest.mark.parametrize("name", moving.COLOURS)
def test_colours_leave_boxes_and_masks_alone(name):
    images, masks, boxes = batch(3)
    factor = {"RandomPosterization": 4}.get(name, 0.3)
    takes = "factor" in inspect.signature(getattr(L, name)).parameters
    policy = augment.policy(f"keras:{name}(factor={factor})" if takes else f"keras:{name}")
    moving.check(policy, "boxes")
    _, found = moved(policy.layers(), images, boxes, "boxes")
    np.testing.assert_array_equal(found["boxes"], boxes["boxes"])
    np.testing.assert_array_equal(found["labels"], boxes["labels"])
    _, found = moved(policy.layers(), images, masks, "mask")
    np.testing.assert_array_equal(found, masks)


def test_the_keys_decide():
    images, _, boxes = batch()
    first, again = (moved([GEOMETRY["rotation"]()], images, boxes, "boxes") for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1]["boxes"], again[1]["boxes"])


@pytest.mark.parametrize(
    "annotation, layer, message",
    [
        ("boxes", L.RandomShear(0.1), "RandomShear is not known to move boxes with the picture"),
        ("boxes", L.RandomElasticTransform(), "RandomElasticTransform is not known to move boxes"),
        ("mask", L.RandAugment((0, 255)), "RandAugment is not known to move mask with the pictu"),
        (
            "mask",
            L.RandomZoom(0.1, fill_mode="constant", fill_value=9.0),
            "fill_value=9.0 would also be written into the mask",
        ),
    ],
)
def test_layers_that_leave_something_behind_are_refused(annotation, layer, message):
    with pytest.raises(ValueError, match=message):
        moving.check(augment.policy(layer), annotation)


def test_the_box_of_keras_shear_is_not_where_its_object_is():
    """The reason for the refusal; once this fails, RandomShear can move boxes too."""
    images, _, boxes = batch()
    layer = L.RandomShear(0.2, 0.2, fill_mode="constant", seed=1)
    pixels, found = moved([layer], images, boxes, "boxes")
    worst = 0.0
    for picture, rows in zip(pixels, found["boxes"], strict=True):
        ys, xs = np.nonzero(picture[..., 0] >= 128)
        edges = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        worst = max(worst, np.abs(edges - rows[0]).max())
    assert worst > 1.5
