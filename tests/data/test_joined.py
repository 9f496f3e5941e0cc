"""Mosaic, letterbox, mixup, copy-paste and cutmix: boxes and masks are where the pixels are."""

import numpy as np
import pytest
from PIL import Image

from kapps.data import Transform, augment, load, mixing_marks
from kapps.data.marks import Boxes
from kapps.data.mosaic import Mosaic
from kapps.data.placement import IGNORE, Placement
from kapps.errors import DataError

GREEN = (0, 255, 0)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """yolo: eight black photos of different shapes; what is green, and only that, is in a box."""
    root = tmp_path_factory.mktemp("cells")
    for name in ("images", "labels"):
        (root / name).mkdir()
    rng = np.random.default_rng(0)
    for i in range(8):
        width, height = (int(side) for side in rng.integers(60, 120, 2))
        left, top = rng.integers(0, 25, 2)
        photo = Image.new("RGB", (width, height))
        photo.paste(GREEN, (left, top, left + 30, top + 24))
        photo.save(root / "images" / f"{i}.png")
        box = (left + 15) / width, (top + 12) / height, 30 / width, 24 / height
        (root / "labels" / f"{i}.txt").write_text("0 " + " ".join(map(str, box)))
    (root / "data.yaml").write_text("train: images\nnames: [green]\n")
    return f"yolo:{root}/data.yaml"


def loaded(cells, **more):
    options = {"annotation": "boxes", "size": 64, "split": "all", "training": True, "seed": 1}
    return load(cells, **{**options, "batch_size": 8, "augment": "mosaic", **more})


@pytest.mark.parametrize(
    "word, cache",
    [
        ("mosaic", "none"),
        ("mosaic:0.7+flip", "memory"),
        ("letterbox(scale=(0.5,1.5), shift=0.2)+flip", "none"),
    ],
)
def test_what_is_in_a_box_is_green_and_nothing_else(cells, word, cache):
    dataset = loaded(cells, augment=word, cache=cache)
    most = 4 if "mosaic" in word else 1
    several = 0
    for epoch in range(3):
        dataset.set_epoch(epoch)
        ((images, marks),) = list(dataset)
        assert marks["boxes"].shape == (8, most, 4)
        for picture, boxes, labels in zip(images, marks["boxes"], marks["labels"], strict=True):
            green, near = picture[..., 1].astype(int) - picture[..., 0] > 150, np.zeros((64, 64))
            several += (labels >= 0).sum() > 1
            for left, top, right, bottom in boxes[labels >= 0]:
                inside = np.s_[int(top + 2) : int(bottom - 1), int(left + 2) : int(right - 1)]
                assert green[inside].all()
                near[
                    max(0, int(top) - 2) : int(bottom) + 3, max(0, int(left) - 2) : int(right) + 3
                ] = 1
            # Beside them is at most what is left of a box that hardly shows.
            assert (green & (near == 0)).sum() < 0.25 * 30 * 24 * 1.5
    assert (several > 5) == ("mosaic" in word)


def test_an_epoch_depends_on_seed_and_number(cells):
    def epoch(number, **more):
        dataset = loaded(cells, mix="copy-paste+mixup", **more)
        dataset.set_epoch(number)
        ((images, marks),) = list(dataset)
        assert marks["boxes"].shape == (8, 8, 4)  # two pictures of four photos
        return images, marks["boxes"]

    for first, again in zip(epoch(3), epoch(3), strict=True):
        np.testing.assert_array_equal(first, again)
    assert (epoch(4)[0] != epoch(3)[0]).any() and (epoch(3, seed=2)[0] != epoch(3)[0]).any()


def test_four_photos_meet_in_a_point():
    """Photos of 200x100 fit as 100x50; a corner of each is where the four windows meet."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        layout = Mosaic(scale=(1.0, 1.0), shift=0.0).layout([(200, 100)] * 4, (100, 100), rng)
        seen = np.zeros((100, 100), int)
        points = set()
        for place, (left, top, right, bottom) in layout:
            seen[top:bottom, left:right] += 1
            assert (place.right - place.left, place.bottom - place.top) == pytest.approx((100, 50))
            x = place.left if right == 100 and left > 0 else place.right
            y = place.top if bottom == 100 and top > 0 else place.bottom
            points.add((round(x, 6), round(y, 6)))
        assert (seen == 1).all() and len(points) == 1
        assert all(0 <= at <= 100 for at in points.pop())


def test_a_mask_comes_with_each_photo(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i in range(4):
        photo = np.zeros((40, 60, 3), np.uint8)
        photo[5 + i : 30, 10:40] = 255
        Image.fromarray(photo).save(tmp_path / "images" / f"{i}.png")
        Image.fromarray((photo[..., 0] > 0).astype(np.uint8)).save(tmp_path / "masks" / f"{i}.png")
    (dataset,) = [load(f"masks:{tmp_path}", annotation="mask", size=48, split="all", training=True,
                       augment="mosaic", batch_size=4)]  # fmt: skip
    ((images, masks),) = list(dataset)
    bright = images[..., 0] > 150
    assert ((masks == 1) == bright)[masks != IGNORE].mean() > 0.97
    assert (masks == 1).any() and (images[masks == IGNORE] == [124, 116, 104]).all(-1).mean() > 0.9


def test_letterbox_is_the_rule_of_border():
    pixels = np.full((100, 200, 3), 255, np.uint8)
    cut = augment.policy("letterbox").cut
    rule = Transform(100, training=True, fill=(0, 0, 0), **cut)
    assert not rule.flip
    found, placement = rule.place(pixels, 0)
    assert placement == Placement(0, 25, 100, 75)
    judged = Transform(100, crop_pct=1.0, crop_mode="border", fill=(0, 0, 0))
    assert placement == judged.placement(200, 100)
    np.testing.assert_array_equal(found, judged(pixels))
    smaller = rule.replace(zoom=(0.4, 0.4)).place(pixels, 0)
    assert smaller[1] == Placement(30, 40, 70, 60)
    rows, columns = np.nonzero(smaller[0][..., 0])
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (30, 40, 70, 60)


class Swap:
    """Chance that gives each of two pictures the other, and takes all."""

    def permutation(self, n):
        return np.arange(n)[::-1] if isinstance(n, int) else n

    def random(self, size=None):
        return np.zeros(size) if size else 0.0

    def beta(self, *_):
        return 0.5


def two():
    """8x10 pixels: one of 100 with a box, one of 200 with two, of which the second is small."""
    images = np.stack([np.full((8, 10, 1), value, np.uint8) for value in (100, 200)])
    boxes = np.full((2, 3, 4), -1, np.float32)
    boxes[0, 0], boxes[1, 0], boxes[1, 1] = [2, 2, 6, 6], [2, 1, 6, 5], [8, 0, 10, 2]
    labels = np.array([[3, -1, -1], [4, 5, -1]], np.int32)
    return images, boxes, labels


def test_mixup_keeps_the_boxes_of_both():
    images, boxes, labels = two()
    mixed, more, names = mixing_marks.mix_boxes("mixup", images, boxes, labels, Swap())
    assert (mixed == 150).all() and mixed.dtype == np.uint8 and more.dtype == np.float32
    assert names.tolist() == [[3, 4, 5], [4, 5, 3]]
    np.testing.assert_array_equal(more[0], [boxes[0, 0], *boxes[1, :2]])
    # No room for three: both stay as they are.
    mixed, more, names = mixing_marks.mix_boxes(
        "mixup", images, boxes[:, :2], labels[:, :2], Swap()
    )
    np.testing.assert_array_equal(mixed, images)
    assert names.tolist() == [[3, -1], [4, 5]]


def test_copy_paste_drops_what_can_no_longer_be_seen():
    images, boxes, labels = two()
    mixed, more, names = mixing_marks.mix_boxes("copy-paste:1.0", images, boxes, labels, Swap())
    # Of the first one's box, rows 2 to 5, a quarter is left: row 5. It stays.
    expected = np.full((8, 10), 100)
    expected[1:5, 2:6] = expected[0:2, 8:10] = 200
    np.testing.assert_array_equal(mixed[0, ..., 0], expected)
    assert names.tolist() == [[3, 4, 5], [4, 5, 3]]
    boxes[0, 0] = [2, 1, 6, 4]  # three rows, all under the other's
    _, more, names = mixing_marks.mix_boxes("copy-paste:1.0", images, boxes, labels, Swap())
    assert names.tolist() == [[4, 5, -1], [4, 5, 3]]
    np.testing.assert_array_equal(more[0, 2], -1)


def test_masks_are_mixed_with_their_pixels():
    rng = np.random.default_rng(0)
    masks = rng.choice([0, 1, 2, IGNORE], (6, 12, 12)).astype(np.uint8)
    masks += np.arange(6, dtype=np.uint8)[:, None, None] * 4 * (masks != IGNORE)
    images = np.stack([masks] * 3, -1)  # a picture of its own numbers
    for kind in ("copy-paste", "cutmix", "cutmix+copy-paste"):
        mixed, moved = mixing_marks.mix_masks(kind, images, masks, np.random.default_rng(3))
        np.testing.assert_array_equal(mixed[..., 0], moved)
        assert (moved != masks).any() and moved.dtype == np.uint8
    _, moved = mixing_marks.mix_masks("copy-paste", images[:2], masks[:2], Swap())
    # Two of the other's three classes, and nothing where it has none.
    assert set(np.unique(moved[0][moved[0] != masks[0]])) == {4, 5}
    assert (moved[0][masks[1] == IGNORE] == masks[0][masks[1] == IGNORE]).all()


def test_a_crowded_photo_is_no_part_of_what_has_no_room():
    form = Boxes(3)
    one, two = ((np.zeros((n, 4)), np.zeros(n, int)) for n in (1, 2))
    assert form.hold([one, two]) and not form.hold([two, two])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"augment": "mosaic", "annotation": "labels"}, "augment=mosaic makes one picture"),
        ({"augment": "mosaic+mosaic"}, "says mosaic more than once"),
        ({"augment": "mosaic:2"}, "probability=2 is not a number in 0.0..1.0"),
        ({"augment": "letterbox(shift=0.9)"}, "shift=0.9 is not a number in 0.0..0.5"),
        ({"mix": "cutmix"}, "'cutmix' is none of its parts; use mixup, copy-paste, .* with boxes"),
        ({"mix": "copy-paste:2"}, "'copy-paste:2' is none of its parts"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(cells, options, message):
    with pytest.raises((ValueError, DataError), match=message):
        loaded(cells, **options)
