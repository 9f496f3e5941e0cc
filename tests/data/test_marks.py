"""Boxes and masks in batches: of what shape, moved with their pictures, what does not fit."""

import keras
import numpy as np
import pytest
from PIL import Image

from kapps.data import Transform, load
from kapps.data.images import ImageError, peek
from kapps.data.marks import Boxes, Marks, Masks, read_mask
from kapps.data.placement import Placement
from kapps.errors import DataError

from . import pictures

GREEN = (0, 255, 0)


def xml(size, *boxes):
    rows = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{a + 1}</xmin>"
        f"<ymin>{b + 1}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for name, (a, b, c, d), difficult in boxes
    )
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    return f"<annotation>{sides}{rows}</annotation>"


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Nine photos of 60x40 with a green rectangle each, and some with a second box."""
    root = tmp_path_factory.mktemp("cells")
    (root / "JPEGImages").mkdir()
    (root / "Annotations").mkdir()
    rng = np.random.default_rng(0)
    for i in range(9):
        left, top = rng.integers(5, 30), rng.integers(5, 15)
        box = (left, top, left + 20, top + 15)
        photo = Image.new("RGB", (60, 40))
        photo.paste(GREEN, box)
        photo.save(root / "JPEGImages" / f"{i}.png")
        boxes = [("green", box, 0)]
        if i % 3 == 0:
            boxes += [("black", (0, 0, 60, 40), 0), ("green", (1, 1, 4, 4), 1)]
        (root / "Annotations" / f"{i}.xml").write_text(xml((60, 40), *boxes))
    return root


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    root = tmp_path_factory.mktemp("streets")
    for part, count in (("train", 8), ("val", 3)):
        for name in ("images", "masks"):
            (root / part / name).mkdir(parents=True)
        for i in range(count):
            photo = np.zeros((40, 60, 3), np.uint8)
            photo[10:30, 15 + i : 40] = 255
            Image.fromarray(photo).save(root / part / "images" / f"{i}.png")
            mask = (photo[..., 0] > 0).astype(np.uint8)
            mask[:3] = 2
            Image.fromarray(mask).save(root / part / "masks" / f"{i}.png")
    (root / "classes.txt").write_text("road\ncar\nvoid\n")
    return root


def edges(picture):
    rows, columns = np.nonzero(picture[..., 1] >= 128)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_boxes_to_judge(cells, cache):
    options = {"annotation": "boxes", "size": 30, "split": "all", "batch_size": 4, "cache": cache}
    dataset = load(f"voc:{cells}", **options)
    assert dataset.class_names == ("black", "green") and dataset.annotation == "boxes"
    assert dataset.transform == Transform(30, crop_pct=1.0, crop_mode="squash")
    np.testing.assert_array_equal(dataset.sizes, [[60, 40]] * 9)
    plain = list(dataset)
    piped = list(dataset.batches.as_numpy_iterator())
    assert [len(images) for images, _ in plain] == [4, 4, 1]
    for (images, marks), (more_images, more_marks) in zip(plain, piped, strict=True):
        np.testing.assert_array_equal(images, more_images)
        for key in ("boxes", "labels"):
            assert marks[key].dtype == more_marks[key].dtype
            np.testing.assert_array_equal(marks[key], more_marks[key])
    images, marks = plain[0]
    assert marks["boxes"].shape == (4, 2, 4) and marks["boxes"].dtype == np.float32
    assert marks["labels"].dtype == np.int32
    # The difficult box is in no batch; who has one box has a row of -1.
    assert marks["labels"].tolist() == [[1, 0], [1, -1], [1, -1], [1, 0]]
    np.testing.assert_array_equal(marks["boxes"][1, 1], -1)
    np.testing.assert_array_equal(marks["boxes"][0, 1], [0, 0, 30, 30])
    for picture, boxes in zip(images, marks["boxes"], strict=True):
        np.testing.assert_allclose(edges(picture), boxes[0], atol=1.01)
    first = dataset.labels[0]  # as the data set has them, for who judges in pixels of the photo
    assert first.size == (60, 40) and first.apart.tolist() == [False, False, True]
    back = dataset.transform.placement(60, 40).back(marks["boxes"][0], (60, 40))
    np.testing.assert_allclose(back, first.boxes[:2], atol=1e-4)


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_boxes_to_train_on_move_with_the_pieces(cells, cache):
    dataset = load(
        f"voc:{cells}", annotation="boxes", size=32, split="all", training=True, batch_size=3,
        drop_remainder=True, cache=cache, max_boxes=5, seed=2,
    )  # fmt: skip
    assert dataset.batches.element_spec[1]["boxes"].shape == (3, 5, 4)
    compared = 0
    for epoch in range(3):
        dataset.set_epoch(epoch)
        for images, marks in dataset:
            for picture, boxes, labels in zip(images, marks["boxes"], marks["labels"], strict=True):
                here = boxes[labels == 1]
                if len(here) and (here[0] > 1).all() and (here[0] < 31).all():
                    np.testing.assert_allclose(edges(picture), here[0], atol=1.5)
                    compared += 1
                assert (boxes[labels < 0] == -1).all() and (boxes[labels >= 0] >= 0).all()
    assert compared > 4
    dataset.set_epoch(0)
    first = [marks["boxes"] for _, marks in dataset]
    again = [marks["boxes"] for _, marks in dataset.epochs(0, 1).as_numpy_iterator()]
    np.testing.assert_array_equal(first, again)


def test_processes_share_batches_of_boxes(cells):
    options = {"annotation": "boxes", "size": 16, "split": "all", "training": True,
               "batch_size": 4, "drop_remainder": True}  # fmt: skip
    whole = load(f"voc:{cells}", **options)
    parts = [load(f"voc:{cells}", share=(rank, 2), **options) for rank in (0, 1)]
    for (images, marks), *halves in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(images, np.concatenate([half[0] for half in halves]))
        for key, value in marks.items():
            np.testing.assert_array_equal(value, np.concatenate([half[1][key] for half in halves]))


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_masks(streets, cache):
    options = {"annotation": "mask", "size": 20, "cache": cache, "batch_size": 4}
    dataset = load(f"masks:{streets}", split="val", **options)
    assert dataset.class_names == ("road", "car")
    ((images, masks),) = dataset
    assert masks.shape == (3, 20, 20) and masks.dtype == np.uint8
    assert set(np.unique(masks)) == {0, 1, 255}  # void is no class
    seen = masks != 255
    agree = (masks == 1)[seen] == (images[..., 0] >= 128)[seen]
    assert agree.mean() > 0.96  # but for the pixels on the edge
    train = load(f"masks:{streets}", training=True, drop_remainder=True, **options)
    assert train.batches.element_spec[1].shape == (4, 20, 20)
    for images, masks in train:
        seen = masks != 255
        assert ((masks == 1)[seen] == (images[..., 0] >= 128)[seen]).mean() > 0.9


def test_the_classes_of_a_model(cells, streets):
    boxes = load(f"voc:{cells}", annotation="boxes", size=8, split="all",
                 class_names=["red", "green", "black"])  # fmt: skip
    assert next(iter(boxes))[1]["labels"][0].tolist() == [1, 2]
    masks = load(f"masks:{streets}", annotation="mask", size=8, split="val",
                 class_names=["car", "sky", "road"])  # fmt: skip
    assert set(np.unique(next(iter(masks))[1])) == {0, 2, 255}
    with pytest.raises(DataError, match="the class 'black' is none of the model's 2 classes"):
        load(f"voc:{cells}", annotation="boxes", size=8, class_names=["green", "blue"])


def test_keras_flips_boxes_and_masks_with_the_pictures(cells, streets):
    """All boxes are wider to one side: each is where its green rectangle is."""
    options = {"size": 32, "training": True, "batch_size": 3, "split": "all", "cache": "memory"}
    layer = keras.layers.RandomFlip("horizontal_and_vertical")
    whole = Transform(32, crop_pct=1.0, crop_mode="squash", scale=(1, 1), ratio=(1.5, 1.5),
                      flip=False)  # fmt: skip
    boxes = load(f"voc:{cells}", annotation="boxes", augment=layer, transform=whole, **options)
    plain = load(f"voc:{cells}", annotation="boxes", transform=whole, **options)
    moved = 0
    for (images, marks), (still, _) in zip(boxes, plain, strict=True):
        assert marks["labels"].dtype == np.int32
        for picture, rows, labels in zip(images, marks["boxes"], marks["labels"], strict=True):
            np.testing.assert_allclose(edges(picture), rows[labels == 1][0], atol=1.01)
            assert (rows[labels < 0] == -1).all()
        moved += (images != still).any(axis=(1, 2, 3)).sum()
    assert moved > 2
    layer = keras.layers.RandomFlip("vertical")
    masks = load(f"masks:{streets}", annotation="mask", augment=layer, **options)
    for images, marks in masks:
        assert marks.dtype == np.uint8 and marks.shape == images.shape[:3]
        seen = marks != 255
        assert ((marks == 1)[seen] == (images[..., 0] >= 128)[seen]).mean() > 0.9


@pytest.mark.parametrize(
    "options, message",
    [
        ({"augment": "randaugment"}, "augment=randaugment moves the pixels of a picture and not"),
        ({"augment": "keras:CutMix"}, "augment=CutMix is not known to move boxes with the pictur"),
        ({"mix": "cutmix"}, "'cutmix' is none of its parts; use mixup, copy-paste, .* with boxes"),
        ({"max_boxes": 0}, "max_boxes=0 is not a whole number above 0"),
        ({"max_boxes": 1}, "0 has 2 boxes, more than max_boxes=1; raise it"),
    ],
)
def test_what_would_leave_boxes_behind_is_refused(cells, options, message):
    with pytest.raises((ValueError, DataError), match=message):
        load(f"voc:{cells}", annotation="boxes", size=8, training=True, split="all", **options)


def test_marks_that_do_not_fit_their_picture():
    form = Boxes(2)
    marks = Marks.of([[0, 0, 5, 5]], [1], (40, 30))
    shares, labels = form.prepare(marks, (40, 30))
    np.testing.assert_allclose(shares, [[0, 0, 1 / 8, 1 / 6]])
    placed = form.place((shares, labels), Placement(0, 0, 80, 60), (60, 80))
    np.testing.assert_array_equal(placed["boxes"], [[0, 0, 10, 10], [-1, -1, -1, -1]])
    with pytest.raises(ImageError, match="of a photo of 40x30 and it has 40x31 pixels; annotate"):
        form.check(marks, (40, 31))
    with pytest.raises(ImageError, match="drawn before the photo was turned"):
        form.check(marks, (30, 40))
    numbers = np.full(256, -1, np.int16)
    numbers[:2] = [0, 1]
    with pytest.raises(ImageError, match="has 3x2 pixels and it has 4x2; both must be of one size"):
        Masks(numbers).check(np.zeros((2, 3), np.uint8), (4, 2))
    with pytest.raises(ImageError, match="holds the number 9, which is no class; name it in class"):
        Masks(numbers).prepare(np.full((2, 3), 9, np.uint8), (3, 2))


def test_masks_as_programs_write_them(tmp_path):
    values = np.array([[0, 1, 2], [3, 255, 1]], np.uint8)
    grey = Image.fromarray(values)
    palette = Image.fromarray(values, mode="P")
    palette.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    for name, image in {"grey": grey, "palette": palette}.items():
        image.save(tmp_path / f"{name}.png")
        np.testing.assert_array_equal(read_mask(peek(tmp_path / f"{name}.png")), values)
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_mask(peek(tmp_path / "deep.png")), values)
    grey.convert("RGB").save(tmp_path / "colour.png")
    with pytest.raises(ImageError, match="colour.png is RGB; expected a palette or grey PNG"):
        read_mask(peek(tmp_path / "colour.png"))
    grey.save(tmp_path / "lossy.jpg")
    with pytest.raises(ImageError, match="lossy.jpg is a JPEG, which changes class numbers"):
        read_mask(peek(tmp_path / "lossy.jpg"))
    Image.fromarray(values.astype(np.uint16) + 300).save(tmp_path / "many.png")
    with pytest.raises(ImageError, match="many.png has numbers from 300 to 555; expected 0 to 255"):
        read_mask(peek(tmp_path / "many.png"))


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_a_picture_whose_annotation_does_not_fit_is_left_out(cells, streets, tmp_path, cache):
    import shutil

    shutil.copytree(cells, tmp_path / "cells")
    pictures.photo(60, 41).save(tmp_path / "cells" / "JPEGImages" / "3.png")
    dataset = load(f"voc:{tmp_path}/cells", annotation="boxes", size=8, split="all", cache=cache)
    ((name, reason),) = dataset.skipped
    assert name == "3" and "its annotation is of a photo of 60x40 and it has 60x41" in reason
    assert dataset.images == len(dataset.sizes) == len(dataset.labels) == 8
    shutil.copytree(streets, tmp_path / "streets")
    Image.new("L", (61, 40)).save(tmp_path / "streets" / "val" / "masks" / "1.png")
    dataset = load(f"masks:{tmp_path}/streets", annotation="mask", size=8, split="val", cache=cache)
    assert [name for name, _ in dataset.skipped] == ["val/images/1.png"] and dataset.images == 2
