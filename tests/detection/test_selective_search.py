"""Regions of a picture of two squares."""

import sys
import types

import numpy as np
import pytest

from kapps.detection.selective_search import selective_search
from kapps.errors import MissingPackageError

SQUARES = ((30, 20, 80, 70), (90, 60, 150, 110))


@pytest.fixture
def picture():
    image = np.full((120, 160, 3), 255, "uint8")
    for (left, top, right, bottom), color in zip(
        SQUARES, ((200, 30, 30), (20, 120, 40)), strict=True
    ):
        image[top:bottom, left:right] = color
    return image


def test_it_finds_what_looks_alike(picture):
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "ximgproc"):
        pytest.skip("OpenCV without its extra modules; a new environment has them")
    boxes = selective_search(picture)
    assert boxes.dtype == np.float32 and boxes.shape[1] == 4
    for square in SQUARES:
        assert np.abs(boxes - np.array(square)).max(1).min() <= 4
    np.testing.assert_array_equal(selective_search(picture), boxes)
    assert len(selective_search(picture, "single", most=3)) == 3


def test_an_opencv_without_it_is_said(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", types.ModuleType("cv2"))
    with pytest.raises(MissingPackageError, match="pip install opencv-contrib-python-headless"):
        selective_search(picture)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingPackageError, match=r"kapps\[recipes\]"):
        selective_search(picture)


def test_other_images_and_modes_are_said(picture):
    with pytest.raises(ValueError, match="mode='slow': expected one of single, fast, quality"):
        selective_search(picture, "slow")
    with pytest.raises(ValueError, match=r"shape \(120, 160\) and type uint8"):
        selective_search(picture[..., 0])
