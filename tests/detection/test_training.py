"""The parts in a step of Keras's own training, as a detector puts them together."""

import keras
import numpy as np
import pytest
from keras import ops

from kapps.detection import losses
from kapps.detection.anchors import GridAnchors, Points, grids
from kapps.detection.assigning import match_by_alignment
from kapps.detection.coders import DeltaCoder, DistanceCoder, expectation
from kapps.detection.matching import gather, match_by_iou, targets
from kapps.detection.rules import Suppression
from kapps.detection.sampling import hard_negatives
from kapps.detection.suppression import suppress

pytestmark = pytest.mark.contract

SIZE, CLASSES = (32, 32), 2


class Detector(keras.Model):
    """Convolutions and a head for each anchor, with what a subclass says is lost."""

    def __init__(self, layout, codes):
        super().__init__()
        self.anchors = layout.lay(SIZE, grids(SIZE, (8,)))
        forms = layout.forms[0]
        self.stem = keras.layers.Conv2D(16, 8, 8, activation="relu")
        self.head = keras.layers.Conv2D(forms * (CLASSES + codes), 3, padding="same")
        self.codes = codes

    def call(self, images):
        x = self.head(self.stem(images))
        x = ops.reshape(x, (-1, len(self.anchors.boxes), CLASSES + self.codes))
        return x[..., :CLASSES], x[..., CLASSES:]


class ByOverlap(Detector):
    """Anchors, deltas, focal loss and hard negatives."""

    def __init__(self):
        super().__init__(GridAnchors(((8.0, 16.0),), (1.0,), False, 0.5), 4)
        self.coder = DeltaCoder((10, 10, 5, 5))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        logits, codes = y_pred
        matches = match_by_iou(self.anchors.boxes, y["boxes"], y["classes"], 0.4, low_quality=True)
        boxes = gather(y["boxes"], matches)
        wrong = losses.smooth_l1(codes, self.coder.encode(boxes, self.anchors.boxes))
        count = ops.sum(ops.cast(matches.positive, "float32"))
        focal = losses.sigmoid_focal(logits, targets(y["classes"], CLASSES, matches))
        learnt = ops.logical_or(matches.positive, hard_negatives(ops.sum(focal, -1), matches))
        return losses.total(focal, learnt[..., None], count) + losses.total(
            wrong, matches.positive[..., None], count
        )

    def boxes(self, codes):
        return self.coder.decode(codes, self.anchors.boxes)


class ByAlignment(Detector):
    """Points, distributions of distances, and a matcher that sees the predictions."""

    def __init__(self):
        super().__init__(Points((8,)), 4 * 5)

    def boxes(self, codes):
        distances = expectation(ops.reshape(codes, (-1, len(self.anchors.boxes), 4, 5)))
        return DistanceCoder().decode(distances, self.anchors.boxes)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        logits, codes = y_pred
        boxes = self.boxes(codes)
        arrays = self.anchors.boxes, y["boxes"], y["classes"], ops.sigmoid(logits), boxes
        matches = match_by_alignment(*arrays, most=3)
        soft = targets(y["classes"], CLASSES, matches, soft=True)
        count = ops.sum(soft)
        classes = losses.total(losses.sigmoid_cross_entropy(logits, soft), by=count)
        truths = gather(y["boxes"], matches)
        overlap = losses.total(losses.box_loss(boxes, truths, "ciou"), matches.quality, count)
        distances = DistanceCoder().encode(truths, self.anchors.boxes)
        logits = ops.reshape(codes, (-1, len(self.anchors.boxes), 4, 5))
        shape = ops.mean(losses.distribution_focal(logits, distances), axis=-1)
        return classes + 2 * overlap + 0.5 * losses.total(shape, matches.quality, count)


def scenes():
    """Squares of two colours in 8 pictures; the last has none."""
    rng = np.random.default_rng(0)
    images = np.zeros((8, *SIZE, 3), "float32")
    boxes, classes = np.zeros((8, 3, 4), "float32"), np.full((8, 3), -1, "int32")
    for image in range(7):
        kind = image % 2
        left, top, side = *rng.integers(0, 16, 2), rng.integers(9, 16)
        images[image, top : top + side, left : left + side, kind] = 1
        boxes[image, 1] = left, top, left + side, top + side
        classes[image, 1] = kind
    return images, {"boxes": boxes, "classes": classes}


@pytest.mark.parametrize("detector", [ByOverlap, ByAlignment])
def test_a_detector_learns(detector):
    keras.utils.set_random_seed(0)
    model = detector()
    images, truths = scenes()
    # XLA takes a minute for this step on TensorFlow; JAX knows no other way.
    compiled = keras.backend.backend() == "jax"
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=compiled)
    history = model.fit(images, truths, batch_size=8, epochs=60, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0] / 2
    assert all(np.isfinite(w).all() for w in model.get_weights())
    logits, codes = model(images)
    found = suppress(model.boxes(codes), ops.sigmoid(logits), Suppression(threshold=0.01))
    found = {name: ops.convert_to_numpy(value) for name, value in found.items()}
    assert np.isfinite(found["boxes"]).all() and found["count"][:7].min() > 0
    if detector is ByOverlap:  # the other one learns boxes first
        np.testing.assert_array_equal(found["classes"][:7, 0], truths["classes"][:7, 1])
