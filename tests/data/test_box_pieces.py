"""SSD's cuts: pieces by the boxes in them, and photos on a larger background."""

import numpy as np
import pytest

from kapps.data import Transform, box_pieces
from kapps.data import augment as augmentation
from kapps.data.placement import cut

BOX = np.array([[0.25, 0.5, 0.5, 0.75]])


def photo():
    """160x120 pixels, black but for BOX."""
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[60:90, 40:80] = 255
    return pixels


def bright(pixels):
    """left, top, right, bottom of what is bright."""
    rows, columns = (np.flatnonzero((pixels[..., 0] > 127).any(axis=axis)) for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("word", ["ssd", "ssd(out=1.0)+flip", "ssd:4.0+flip"])
def test_boxes_go_where_the_pixels_go(word, seed):
    rule = Transform(size=96, fill=(0, 0, 0), training=True, **augmentation.policy(word).cut)
    pixels, placement = rule.place(photo(), seed, BOX)
    boxes, kept = cut(placement.boxes(BOX), rule.size)
    if len(kept):
        assert boxes[0] == pytest.approx(bright(pixels), abs=1.5)
        assert pixels.shape == (96, 96, 3)


def test_a_piece_and_a_box_overlap_as_much_as_is_asked():
    """Counted by pixels; a third of the choices each is the whole, the condition, and any piece."""
    whole = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        left, top, wide, tall = box_pieces.choose(400, 300, np.array([[0.2, 0.2, 0.9, 0.9]]),
                                                  (0.5,), rng)  # fmt: skip
        if (wide, tall) == (400, 300):
            whole += 1
            continue
        piece, box = np.zeros((2, 300, 400), bool)
        piece[top : top + tall, left : left + wide] = True
        box[60:270, 80:360] = True
        asked = np.random.default_rng(seed).integers(3) == 1
        if asked:
            assert (piece & box).sum() / (piece | box).sum() > 0.48
        assert 0.5 <= wide / tall <= 2.05 and wide >= 120 and tall >= 90
    assert 10 < whole < 35


def test_a_photo_on_a_larger_background_is_whole():
    rule = Transform(size=64, fill=(9, 9, 9), training=True, out=3.0, overlaps=(0.5,))
    smaller = 0
    for seed in range(20):
        _, placement = rule.place(photo(), seed, BOX)
        sides = abs(placement.right - placement.left), placement.bottom - placement.top
        smaller += max(sides) < 60
        if max(sides) < 60:
            assert min(placement.left, placement.right) >= 0 and placement.bottom <= 64
            assert min(sides) >= 64 / 3 - 1
    assert 4 <= smaller <= 14


def test_numbers_out_of_range():
    with pytest.raises(ValueError, match="out=0.5"):
        Transform(size=8, out=0.5)
    with pytest.raises(ValueError, match="overlaps="):
        Transform(size=8, overlaps=(1.0,))
    assert augmentation.policy("ssd").cut["overlaps"] == pytest.approx((0.1, 0.3, 0.5, 0.7, 0.9))
