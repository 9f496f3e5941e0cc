"""coco:, voc:, yolo: and masks: what they hold, and what is left out or refused and why."""

import json

import numpy as np
import pytest
from PIL import Image

from kapps.data import find
from kapps.errors import DataError, MissingFileError

SIZE = (40, 30)


def photos(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", SIZE, (90, 0, 0)).save(folder / name)


def boxes(part):
    return [marks.boxes.tolist() for marks in part.labels]


def coco(**changes):
    contents = {
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
        "images": [
            {"id": 1, "file_name": "a.png", "width": 40, "height": 30},
            {"id": 2, "file_name": "b.png", "width": 40, "height": 30},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "bbox": [10, 5, 20, 10]},
            {"id": 2, "image_id": 1, "category_id": 3, "bbox": [0, 0, 40, 30], "iscrowd": 1},
        ],
    }
    return json.dumps({**contents, **changes})


def test_coco(tmp_path):
    photos(tmp_path / "images", "a.png", "b.png")
    (tmp_path / "boxes.json").write_text(coco())
    found = find(f"coco:{tmp_path}/boxes.json", "boxes")
    assert found.classes == ("cat", "dog") and found.annotation == "boxes"  # by id: 3, 7
    assert (found.crop_pct, found.crop_mode) == (1.0, "squash")
    part = found.parts["all"]
    assert boxes(part) == [[[10, 5, 30, 15], [0, 0, 40, 30]], []]
    assert part.labels[0].labels.tolist() == [1, 0] and part.labels[0].size == SIZE
    assert part.labels[0].apart.tolist() == [False, True]
    assert part.items[0] == str(tmp_path / "images" / "a.png") and part.names == ["a.png", "b.png"]
    # Which classes a photo shows at all; the crowd does not say.
    assert find(f"coco:{tmp_path}/boxes.json", "labels").parts["all"].labels.tolist() == [
        [0, 1],
        [0, 0],
    ]


def test_coco_as_it_is_unpacked_and_as_roboflow_writes_it(tmp_path):
    for part in ("train", "val"):
        photos(tmp_path / "one" / f"{part}2017", "a.png", "b.png")
        (tmp_path / "one" / "annotations").mkdir(exist_ok=True)
        (tmp_path / "one" / "annotations" / f"instances_{part}2017.json").write_text(coco())
    found = find(f"coco:{tmp_path}/one/annotations/instances_train2017.json", "boxes")
    assert {name: len(part) for name, part in found.parts.items()} == {"train": 2, "val": 2}
    assert "val2017" in found.parts["val"].items[0]
    for part in ("train", "valid", "test"):
        photos(tmp_path / "two" / part, "a.png", "b.png")
        (tmp_path / "two" / part / "_annotations.coco.json").write_text(coco())
    found = find(f"coco:{tmp_path}/two/train/_annotations.coco.json", "boxes")
    assert list(found.parts) == ["train", "val", "test"]
    with pytest.raises(MissingFileError, match="such as a.png, are neither beside it nor in im"):
        (tmp_path / "elsewhere.json").write_text(coco())
        find(f"coco:{tmp_path}/elsewhere.json", "boxes")
    images = tmp_path / "two" / "test"
    found = find(f"coco:{tmp_path}/elsewhere.json?images={images}", "boxes")
    assert found.parts["all"].items[0] == str(images / "a.png")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"images": None}, "is not a file of annotations of COCO"),
        ({"categories": []}, "annotation 1 has category_id 7, which categories does not name"),
        ({"annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 1, 1]}] * 2},
         "has two annotations of the id 1; give each its own"),
        ({"images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 9}] * 2},
         "has two images of the id 1; give each its own"),
        ({"annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, "x"]}]},
         "is not a file of annotations of COCO"),
    ],
)  # fmt: skip
def test_coco_that_is_refused(tmp_path, changes, message):
    photos(tmp_path, "a.png", "b.png")
    (tmp_path / "boxes.json").write_text(coco(**changes))
    with pytest.raises(DataError) as error:
        find(f"coco:{tmp_path}/boxes.json", "boxes")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_boxes_that_cannot_be_are_listed_and_left_out(tmp_path):
    photos(tmp_path, "a.png")
    bad = [[5, 5, -2, 4], [5, 5, 0, 4], [float("nan"), 0, 3, 3], [50, 0, 5, 5], [35, 20, 20, 20]]
    rows = [{"id": i, "image_id": 1, "category_id": 3, "bbox": box} for i, box in enumerate(bad)]
    rows.append({"id": 9, "image_id": 77, "category_id": 3, "bbox": [0, 0, 1, 1]})
    (tmp_path / "boxes.json").write_text(coco(annotations=rows))
    part = find(f"coco:{tmp_path}/boxes.json", "boxes").parts["all"]
    assert boxes(part) == [[[35, 20, 40, 30]]]  # the last one sticks out: cut off at the edge
    assert [(name, reason.partition("] ")[2] or reason) for name, reason in part.skipped] == [
        ("boxes.json", "boxes of the image 77, which images lacks"),
        ("a.png: box 1", "is reversed: it ends before it begins"),
        ("a.png: box 2", "is empty"),
        ("a.png: box 3", "is not a number"),
        ("a.png: box 4", "lies outside of the photo"),
        ("b.png", f"{tmp_path}/b.png does not exist"),
    ]


def voc(root, name, *rows, size=SIZE):
    (root / "Annotations").mkdir(parents=True, exist_ok=True)
    things = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax>"
        f"<ymax>{d}</ymax></bndbox></object>"
        for label, a, b, c, d in rows
    )
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    text = f"<annotation>{sides}{things}</annotation>"
    (root / "Annotations" / f"{name}.xml").write_text(text)


def test_voc(tmp_path):
    photos(tmp_path / "JPEGImages", "a.png", "b.png", "c.png")
    voc(tmp_path, "a", ("dog", 1, 1, 40, 30), ("cat", 11, 6, 30, 15))
    voc(tmp_path, "b", size=None)
    voc(tmp_path, "d")
    found = find(f"voc:{tmp_path}", "boxes")
    assert found.classes == ("cat", "dog")
    part = found.parts["all"]
    # Pixels counted from 1 and including the last: the whole photo, and 20x10 at (10, 5).
    assert boxes(part) == [[[0, 0, 40, 30], [10, 5, 30, 15]], []]
    assert part.labels[1].size == SIZE  # by the picture, where the file does not say it
    assert dict(part.skipped) == {
        "c": f"{tmp_path}/Annotations/c.xml does not exist",
        "d": f"no picture of that name in {tmp_path}/JPEGImages",
    }
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\na\n")  # the second time is told, and left out
    (lists / "test.txt").write_text("b  1\n")
    (tmp_path / "classes.txt").write_text("dog\ncat\n")
    found = find(f"voc:{tmp_path}", "boxes")
    assert found.classes == ("dog", "cat")
    assert {name: part.names for name, part in found.parts.items()} == {
        "train": ["a"],
        "test": ["b"],
    }
    assert found.parts["train"].skipped == (
        ("a", f"{tmp_path}/JPEGImages/a.png is listed twice; the first time counts"),
    )
    (tmp_path / "classes.txt").write_text("dog\n")
    with pytest.raises(DataError, match="has boxes of 'cat', which .*classes.txt does not name"):
        find(f"voc:{tmp_path}", "boxes")
    (tmp_path / "Annotations" / "a.xml").write_text("<annotation><object>")
    with pytest.raises(DataError, match="a.xml is not an annotation of VOC"):
        find(f"voc:{tmp_path}", "boxes")
    with pytest.raises(MissingFileError, match="Annotations does not exist; voc: takes the folder"):
        find(f"voc:{tmp_path}/nowhere", "boxes")


def test_yolo(tmp_path):
    photos(tmp_path / "images" / "train", "a.png", "b.png")
    photos(tmp_path / "images" / "val", "c.jpg")
    for part in ("train", "val"):
        (tmp_path / "labels" / part).mkdir(parents=True)
    labels = tmp_path / "labels" / "train"
    (labels / "a.txt").write_text("1 0.5 0.5 0.5 0.2\n\n0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n")
    (labels / "loose.txt").write_text("0 0.5 0.5 1 1\n")
    yaml = tmp_path / "data.yaml"
    yaml.write_text("train: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n")
    found = find(f"yolo:{yaml}", "boxes")
    assert found.classes == ("cat", "dog") and list(found.parts) == ["train", "val"]
    first = found.parts["train"].labels[0]
    # The middle and the sides; and the extent of a polygon.
    np.testing.assert_allclose(first.boxes, [[0.25, 0.4, 0.75, 0.6], [0.1, 0.2, 0.3, 0.6]])
    assert first.labels.tolist() == [1, 0] and first.size == (1, 1)
    assert len(found.parts["train"].labels[1].boxes) == 0  # no file: it shows nothing
    assert found.parts["train"].names == ["images/train/a.png", "images/train/b.png"]
    assert found.parts["train"].skipped == ((str(labels / "loose.txt"), "has no picture"),)
    for line, message in (
        ("2 0.5 0.5 1 1", "a.txt line 1: class 2 of 2 is not named"),
        ("0 0.5 0.5 1", "a.txt line 1: '0 0.5 0.5 1' is not a class number and a box or a polygon"),
        ("cat 0 0 1 1", "a.txt line 1: 'cat 0 0 1 1' is not a class number and a box"),
        ("inf 0 0 1 1", "a.txt line 1: 'inf 0 0 1 1' is not a class number and a box"),
        ("\xff", "a.txt is not a readable UTF-8 text"),
    ):
        (labels / "a.txt").write_text(line, encoding="latin-1")
        with pytest.raises(DataError, match=message):
            find(f"yolo:{yaml}", "boxes")
    yaml.write_text("train: images/dev\nnames: [cat]\n")
    with pytest.raises(MissingFileError, match="names images/dev, but .* does not exist"):
        find(f"yolo:{yaml}", "boxes")
    yaml.write_text("names: [cat]\n")
    with pytest.raises(DataError, match="lacks train: or names:"):
        find(f"yolo:{yaml}", "boxes")


def test_masks(tmp_path):
    photos(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    (tmp_path / "masks").mkdir()
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[0, :3] = [1, 4, 255]
    for name in ("a", "b", "loose"):
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    found = find(f"masks:{tmp_path}", "mask")
    assert found.classes == ("0", "1", "2", "3", "4") and not found.named
    part = found.parts["all"]
    assert part.names == ["images/a.jpg", "images/b.jpg"]
    assert part.labels[0] == str(tmp_path / "masks" / "a.png")
    assert part.skipped == (
        (str(tmp_path / "images" / "c.jpg"), "has no mask"),
        (str(tmp_path / "masks" / "loose.png"), "is of no picture"),
    )
    photos(tmp_path / "images", "a.png")
    found = find(f"masks:{tmp_path}", "mask")
    assert found.parts["all"].skipped[0] == (
        str(tmp_path / "images" / "a.png"),
        "is called as a.jpg is, which counts",
    )
    (tmp_path / "classes.txt").write_text("road\nUnlabelled\ncar\n\n")
    found = find(f"masks:{tmp_path}", "mask")
    assert found.classes == ("road", "car") and found.named
    assert found.numbers[[0, 1, 2, 3, 255]].tolist() == [0, 255, 1, -1, 255]
    with pytest.raises(MissingFileError, match="has no images/ and masks/; masks: takes the"):
        find(f"masks:{tmp_path}/images", "mask")
    (tmp_path / "classes.txt").write_text("road\nroad\n")
    with pytest.raises(DataError, match="classes.txt has the class 'road' twice"):
        find(f"masks:{tmp_path}", "mask")


def test_what_a_data_set_does_not_hold(tmp_path):
    photos(tmp_path / "images", "a.png")
    (tmp_path / "masks").mkdir()
    Image.new("L", SIZE).save(tmp_path / "masks" / "a.png")
    with pytest.raises(DataError, match="holds masks, not one class a picture; those come"):
        find(f"masks:{tmp_path}")
    with pytest.raises(DataError, match="digits holds one class a picture, not boxes; those"):
        find("digits", "boxes")
    assert find(f"masks:{tmp_path}", "none").parts["all"].labels.tolist() == [0]
