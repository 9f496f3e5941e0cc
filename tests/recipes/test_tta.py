"""Test-time augmentation: which views a model sees, and that their mean counts."""

import dataclasses
import types

import numpy as np
import pytest

from kapps.data import Transform
from kapps.recipes import _tta
from kapps.recipes._predictor import Predictor


def predictor(crop_pct=0.875, seen=None):
    def outputs(images):
        if seen is not None:
            seen.append(images)
        return images.reshape(len(images), -1)[:, :3].astype("float32")

    return Predictor(
        name="x",
        form="keras",
        labels=("a", "b", "c"),
        wnids=(None,) * 3,
        named=True,
        transform=Transform(size=224, crop_pct=crop_pct),
        spec={},
        outputs=outputs,
        task=types.SimpleNamespace(answers=lambda rows, _: rows),
    )


def test_ten_crops_are_those_of_alexnet():
    """224 of 256: corners at 0 and 32, the centre at 16, and the mirror images of the five."""
    seen = []
    ten = _tta.with_views(predictor(seen=seen), "ten-crops")
    assert ten.transform.size == (256, 256) and ten.transform.resize == (256, 256)
    images = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8)
    answers = ten.predict(images)
    starts = [(0, 0), (0, 32), (32, 0), (32, 32), (16, 16)]
    expected = [images[:, y : y + 224, x : x + 224] for y, x in starts]
    expected += [view[:, :, ::-1] for view in expected]
    assert len(seen) == 10
    for view, own in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(view, own)
    by_hand = np.mean([view.reshape(2, -1)[:, :3].astype("float32") for view in expected], axis=0)
    np.testing.assert_allclose(answers, by_hand, rtol=1e-6)


def test_flip_keeps_the_rule_and_crops_need_a_margin():
    plain = predictor()
    flipped, five = _tta.with_views(plain, "flip"), _tta.with_views(predictor(1.0), "crops")
    assert flipped.transform == plain.transform and five.transform.size == (256, 256)
    images = np.arange(224 * 224 * 3).reshape(1, 224, 224, 3) % 251
    mean = (plain.predict(images) + plain.predict(images[:, :, ::-1])) / 2
    np.testing.assert_allclose(flipped.predict(images), mean)
    assert len(_tta.views(np.zeros((1, 256, 256, 3)), (224, 224), "crops")) == 5
    assert _tta.with_views(plain, "none") is plain
    assert dataclasses.replace(plain).view is None
    with pytest.raises(ValueError, match="tta='eleven' is not one of none, flip, crops, ten-crops"):
        _tta.with_views(plain, "eleven")
