"""Outlines and points of COCO: where the pixels are, in every cut, mirror and mosaic."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from kapps.data import find, load, objects
from kapps.errors import DataError

NAMES = ["nose", "left_eye", "right_eye"]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Photos of 80x60 with a green triangle; the eye on the left is red, the other one blue."""
    root = tmp_path_factory.mktemp("people")
    images, annotations = [], []
    for i in range(6):
        x, y = 10 + 3 * i, 8 + 2 * i
        corners = [(x, y), (x + 36, y), (x + 6, y + 30)]
        photo = Image.new("RGB", (80, 60))
        ImageDraw.Draw(photo).polygon(corners, fill=(0, 255, 0))
        photo.paste((255, 0, 0), (x + 5, y + 3, x + 8, y + 6))
        photo.paste((0, 0, 255), (x + 17, y + 3, x + 20, y + 6))
        photo.save(root / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 80, "height": 60})
        annotations.append({
            "id": i, "image_id": i, "category_id": 1, "bbox": [x, y, 36, 30],
            "segmentation": [[n for corner in corners for n in corner]],
            # The eye on the left of the photo is the right one.
            "keypoints": [0, 0, 0, x + 18, y + 4, 2, x + 6, y + 4, 1],
        })  # fmt: skip
    crowd = {"iscrowd": 1, "segmentation": {"counts": [1], "size": [60, 80]}}
    annotations.append({"id": 99, "image_id": 0, "category_id": 1, "bbox": [0, 0, 80, 60], **crowd})
    categories = [{"id": 1, "name": "person", "keypoints": NAMES, "skeleton": []}]
    contents = {"images": images, "annotations": annotations, "categories": categories}
    (root / "people.json").write_text(json.dumps(contents))
    return root / "people.json"


def test_a_mask_is_that_of_cocos_own_tools():
    mask = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    for _ in range(5):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        line = np.stack([50 + 40 * np.cos(angles), 50 + 30 * np.sin(angles)], 1)
        left, top = line.min(0)
        right, bottom = line.max(0)
        whole = mask.decode(mask.frPyObjects([line.ravel().tolist()], 100, 100))[..., 0]
        found = objects.drawn([line], np.array([left, top, right, bottom]), 64)
        y = (top + (np.arange(64) + 0.5) / 64 * (bottom - top)).astype(int)
        x = (left + (np.arange(64) + 0.5) / 64 * (right - left)).astype(int)
        there = whole[np.ix_(y, x)] > 0
        assert (there & (found > 0)).sum() / (there | (found > 0)).sum() > 0.94


@pytest.mark.parametrize("augment", ["crop(least=0.5)+flip", "mosaic+flip", "ssd+flip"])
def test_masks_and_points_are_where_the_pixels_are(people, augment):
    dataset = load(f"coco:{people}", annotation="objects", size=96, split="all", training=True,
                   augment=augment, batch_size=6, cache="none")  # fmt: skip
    flips = points = 0
    for epoch in range(2):
        dataset.set_epoch(epoch)
        ((images, truth),) = list(dataset)
        most = 4 if "mosaic" in augment else 1
        assert truth["masks"].shape == (6, most, 56, 56) and truth["masks"].dtype == np.uint8
        assert truth["keypoints"].shape == (6, most, 3, 3)
        for n, picture in enumerate(images):
            for box, mask, known, label in zip(
                *(truth[key][n] for key in ("boxes", "masks", "keypoints", "labels")), strict=True
            ):
                if label < 0:
                    assert not mask.any() and (known == -1).all()
                    continue
                left, top, right, bottom = box
                y, x = (np.linspace(a, b, 113)[1::2] for a, b in ((top, bottom), (left, right)))
                seen = picture[np.ix_(y.astype(int), x.astype(int))].max(-1) > 100
                both = (seen & (mask > 0)).sum() / max((seen | (mask > 0)).sum(), 1)
                assert both > 0.8 or min(right - left, bottom - top) < 12
                assert (known[0] == 0).all()  # nobody knows the nose
                for (x, y, kind), colour in zip(known[1:], (2, 0), strict=True):
                    if kind and 3 < x < 92 and 3 < y < 92:
                        here = picture[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2]
                        # Mirrored, the left eye is where the right one was, of its colour.
                        colours = here.reshape(-1, 3).max(0)
                        assert colours[colour] > 60 or colours[2 - colour] > 60
                        points += 1
                if known[1, 2] and known[2, 2]:
                    # The right eye is on the left of the picture, in a mirror too.
                    assert known[2, 0] < known[1, 0]
                    flips += picture[int(known[1, 1]), int(known[1, 0]), 0] > 60
    assert points > 8 and flips > 0


def test_what_the_file_says(people, tmp_path):
    found = find(f"coco:{people}", "objects")
    assert found.points == tuple(NAMES) and objects.mirrored(NAMES) == (0, 2, 1)
    marks = found.parts["all"].labels[0]
    np.testing.assert_array_equal(marks.shapes.outlines[0][0], [[10, 8], [46, 8], [16, 38]])
    # x and y are numbers of pixels there.
    np.testing.assert_array_equal(
        marks.shapes.points[0], [[0, 0, 0], [28.5, 12.5, 2], [16.5, 12.5, 1]]
    )
    assert find(f"coco:{people}", "boxes").parts["all"].labels[0].shapes is None
    contents = json.loads(people.read_text())
    for key, value, message in (
        ("segmentation", [[1, 2, 3, 4]], "a polygon of segmentation has fewer than three points"),
        ("keypoints", [1, 2, 2], "keypoints has 1 points and its category names 3"),
    ):
        contents["annotations"][0] = {**contents["annotations"][0], key: value}
        (people.parent / "broken.json").write_text(json.dumps(contents))
        with pytest.raises(DataError, match=message):
            find(f"coco:{people.parent}/broken.json", "objects")
        contents = json.loads(people.read_text())
    for options, message in (
        ({"mix": "mixup"}, "mix='mixup' does not go with objects"),
        ({"augment": "keras:RandomFlip"}, "RandomFlip is not known to move objects .* crop.flip"),
    ):
        with pytest.raises(ValueError, match=message):
            load(
                f"coco:{people}",
                annotation="objects",
                size=8,
                split="all",
                training=True,
                **options,
            )
