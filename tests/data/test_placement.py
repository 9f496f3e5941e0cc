"""Where a photo, its boxes and its masks lie in a network's input: numbers worked by hand."""

import dataclasses

import numpy as np
import pytest

from kapps.data import Transform
from kapps.data.placement import IGNORE, Placement, cut

# A photo of 4 rows and 6 columns, whose box covers columns 3 and 4 of rows 1 and 2.
PHOTO = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
BOX = np.array([[3, 1, 5, 3]], np.float64)
SHARES = BOX / [6, 4, 6, 4]
MASK = np.zeros((4, 6), np.uint8)
MASK[1:3, 3:5] = 7


def test_a_piece_and_its_mirror():
    """Columns 2..5 of rows 0..3, which fill an input of 8x8: every pixel becomes 2x2."""
    piece = (2 / 6, 0, 1, 1)
    plain = Placement.of_piece(piece, (8, 8))
    np.testing.assert_allclose(dataclasses.astuple(plain), [-4, 0, 8, 8])
    np.testing.assert_allclose(plain.boxes(SHARES), [[2, 2, 6, 6]])
    mirrored = Placement.of_piece(piece, (8, 8), flip=True)
    np.testing.assert_allclose(dataclasses.astuple(mirrored), [12, 0, 0, 8], atol=1e-9)
    np.testing.assert_allclose(mirrored.boxes(SHARES), [[2, 2, 6, 6]])  # it is in the middle
    left = np.array([[0, 0, 3, 4]]) / [6, 4, 6, 4]
    np.testing.assert_allclose(plain.boxes(left), [[-4, 0, 2, 8]], atol=1e-9)
    np.testing.assert_allclose(mirrored.boxes(left), [[6, 0, 12, 8]], atol=1e-9)


@pytest.mark.parametrize("flip", [False, True])
def test_a_mask_moves_as_the_pixels_do(flip):
    piece = MASK[:, 2:]
    expected = piece.repeat(2, 0).repeat(2, 1)
    placement = Placement.of_piece((2 / 6, 0, 1, 1), (8, 8), flip)
    found = placement.mask(MASK, (8, 8))
    np.testing.assert_array_equal(found, expected[:, ::-1] if flip else expected)


def test_there_is_no_class_beside_the_photo():
    """A photo 8 wide and 4 high in the middle of an input of 8x8."""
    mask = np.ones((4, 8), np.uint8)
    found = Placement(0, 2, 8, 6).mask(mask, (8, 8))
    np.testing.assert_array_equal(found[2:6], 1)
    np.testing.assert_array_equal(found[[0, 1, 6, 7]], IGNORE)


def test_a_cut_box_keeps_its_visible_part_if_enough_is_left():
    boxes = np.array([[-4, 0, 4, 8], [-7, 0, 1, 8], [2, 2, 4, 4], [9, 0, 12, 8], [-6, 0, 2, 8]])
    found, kept = cut(boxes, (8, 8))
    # Half of the first is left; an eighth of the second, too little; nothing of the fourth; a
    # quarter of the last, just enough.
    assert kept.tolist() == [0, 2, 4] and found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0, 0, 4, 8], [2, 2, 4, 4], [0, 0, 2, 8]])
    assert cut(boxes, (8, 8), least_visible=0.1)[1].tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize(
    "mode, crop_pct, size, expected",
    [
        # 6x4 onto 8x8 whole: x by 8/6, y by 8/4.
        ("squash", 1.0, 8, [4, 2, 20 / 3, 6]),
        # By 8/6 = 4/3 to 8x5, then round(-1.5) = -2 above.
        ("border", 1.0, 8, [4, 1 * 5 / 4 + 2, 20 / 3, 3 * 5 / 4 + 2]),
        # Shorter side 4 -> 8: 12x8, then 2 columns are cut off on both sides.
        ("center", 1.0, 8, [4, 2, 8, 6]),
        # floor(8 / 0.8) = 10: 15x10, then round(3.5 / ...) = round((15 - 8) / 2) = 4 and 1.
        ("center", 0.8, 8, [3 * 15 / 6 - 4, 10 / 4 - 1, 5 * 15 / 6 - 4, 30 / 4 - 1]),
        ("squash", 1.0, (4, 12), [6, 1, 10, 3]),
    ],
)
def test_the_rule_for_evaluation(mode, crop_pct, size, expected):
    rule = Transform(size, crop_pct=crop_pct, crop_mode=mode)
    placement = rule.placement(6, 4)
    moved = placement.boxes(SHARES)
    np.testing.assert_allclose(moved, [expected])
    # And detections back to the photo.
    back = placement.back(moved, (6, 4))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, BOX, rtol=1e-6)
    np.testing.assert_allclose(
        placement.back(np.array([[-99, -99, 99, 99]]), (6, 4)), [[0, 0, 6, 4]]
    )


@pytest.mark.parametrize("mode", ["squash", "border", "center"])
def test_the_box_is_where_the_pixels_are(mode):
    """A white rectangle in a black photo: its edges in the input are those of its box."""
    photo = np.zeros((60, 100, 3), np.uint8)
    photo[20:50, 40:70] = 255
    pixels, placement = Transform(64, crop_pct=0.9, crop_mode=mode).place(photo)
    (box,) = placement.boxes(np.array([[40, 20, 70, 50]]) / [100, 60, 100, 60])
    assert placement == Transform(64, crop_pct=0.9, crop_mode=mode).placement(100, 60)
    _same_edges(pixels, box)


@pytest.mark.parametrize("stored", ["array", "png"])
def test_random_pieces_too(stored, tmp_path):
    photo = np.zeros((120, 200, 3), np.uint8)
    photo[40:100, 80:140] = 255
    item = photo
    if stored == "png":
        from PIL import Image

        item = tmp_path / "photo.png"
        Image.fromarray(photo).save(item)
    rule, seen, mirrored = Transform(64, training=True, scale=(0.3, 1.0)), 0, 0
    for seed in range(40):
        pixels, placement = rule.place(item, seed)
        np.testing.assert_array_equal(pixels, rule(item, seed))
        (box,) = placement.boxes(np.array([[80, 40, 140, 100]]) / [200, 120, 200, 120])
        mirrored += placement.right < placement.left
        if (box[:2] > 4).all() and (box[2:] < 60).all():
            _same_edges(pixels, box)
            seen += 1
    assert seen > 5 and 8 < mirrored < 32


def _same_edges(pixels, box):
    rows, columns = np.nonzero(pixels[..., 0] >= 128)
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(edges, box.clip(0, 64), atol=1.01)
