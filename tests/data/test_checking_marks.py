"""What is wrong with boxes and masks: each kind of trouble is made, and found by name."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kapps.cli.settings import parse
from kapps.data import checking, find
from kapps.recipes import data

SIZE = (60, 40)


def scene(seed):
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 256, (8, 10, 3), np.uint8))
    return rough.resize(SIZE, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def coco(tmp_path_factory):
    root = tmp_path_factory.mktemp("coco")
    images, annotations = [], []

    def box(image, category, *sides):
        row = {"id": len(annotations), "image_id": image, "category_id": category, "bbox": sides}
        annotations.append(row)

    for i in range(6):
        scene(i).save(root / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 60, "height": 40})
        box(i, 1, 5, 5, 20, 10)
    box(0, 1, 5, 5, 20, 10)  # again
    box(1, 2, 30, 3, 6, 1)  # thin
    box(1, 1, 70, 3, 6, 6)
    box(2, 1, 9, 9, -3, 4)
    box(2, 1, 9, 9, 0, 4)
    box(2, 1, float("nan"), 9, 2, 4)
    box(99, 1, 1, 1, 2, 2)
    images[3]["width"] = 61
    images.append({"id": 7, "file_name": "lost.png", "width": 60, "height": 40})
    scene(8).save(root / "8.png")
    images.append({"id": 8, "file_name": "8.png", "width": 60, "height": 40})
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}, {"id": 3, "name": "cow"}]
    contents = {"images": images, "annotations": annotations, "categories": categories}
    (root / "boxes.json").write_text(json.dumps(contents))
    return f"coco:{root}/boxes.json"


def found(report):
    return {row["kind"]: row["pictures"] for row in report["findings"]}


def test_each_broken_box_is_named_with_its_file(coco):
    report = checking.check(find(coco, "boxes"), validation=0.0)
    kinds = found(report)
    assert kinds["bad_box"] == [
        "1.png: box 3: cat [70, 3, 6, 6] lies outside of the photo",
        "2.png: box 2: cat [9, 9, -3, 4] is reversed: it ends before it begins",
        "2.png: box 3: cat [9, 9, 0, 4] is empty",
        "2.png: box 4: cat [nan, 9, 2, 4] is not a number",
    ]
    (loose, lost) = kinds["alone"]
    assert loose == "boxes.json: boxes of the image 99, which images lacks"
    assert lost.startswith("lost.png: ") and lost.endswith("lost.png does not exist")
    ((name, _, why),) = [row.partition(": ") for row in kinds["misfit"]]
    assert name == "3.png" and "of a photo of 61x40 and it has 60x40 pixels" in why
    assert kinds["twin_box"] == ["0.png"] and kinds["thin_box"] == ["1.png"]
    assert kinds["no_box"] == ["8.png"] and kinds["empty_class"] == ["cow"]
    assert "one_class" not in kinds and not {"leak", "duplicate", "near"} & set(kinds)
    cat, dog, cow = report["classes"]
    assert cat == {"name": "cat", "pictures": 6, "all": 7} and dog["all"] == 1 and cow["all"] == 0
    assert report["boxes"] == 8 and report["boxes_a_picture"] == [0, 1, 2]
    assert report["box_width"] == [0.1, 0.3333, 0.3333]


def test_what_cannot_be_meant_is_refused(coco, tmp_path):
    from kapps.errors import DataError

    contents = json.loads(Path(coco.partition(":")[2]).read_text())
    contents["images"].append(contents["images"][0])
    (tmp_path / "twice.json").write_text(json.dumps(contents))
    with pytest.raises(DataError, match="two images of the id 0; give each its own"):
        data.run(parse(data.Settings, ["check", f"coco:{tmp_path}/twice.json"]))


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    root = tmp_path_factory.mktemp("streets")
    for name in ("images", "masks"):
        (root / name).mkdir()
    for i in range(5):
        scene(i).save(root / "images" / f"{i}.png")
        mask = np.zeros(SIZE[::-1], np.uint8)
        mask[:10] = 1
        Image.fromarray(mask).save(root / "masks" / f"{i}.png")
    Image.new("L", (61, 40)).save(root / "masks" / "1.png")
    Image.new("L", SIZE, 9).save(root / "masks" / "2.png")
    Image.new("L", SIZE, 3).save(root / "masks" / "3.png")
    scene(9).save(root / "images" / "alone.png")
    Image.new("L", SIZE).save(root / "masks" / "loose.png")
    (root / "classes.txt").write_text("road\ncar\ntree\nvoid\n")
    return root


def test_each_broken_mask_is_named_with_its_file(streets):
    report = checking.check(find(f"masks:{streets}", None), validation=0.0)
    kinds = found(report)
    first, second = kinds["misfit"]
    assert (
        first.startswith("images/1.png: its mask") and "has 61x40 pixels and it has 60x40" in first
    )
    assert (
        second.startswith("images/2.png: its mask") and "the number 9, which is no class" in second
    )
    assert kinds["alone"] == [
        f"{streets}/images/alone.png: has no mask",
        f"{streets}/masks/loose.png: is of no picture",
    ]
    assert kinds["no_box"] == ["images/3.png"] and kinds["empty_class"] == ["tree"]
    road, car, _ = report["classes"]
    assert (
        road == {"name": "road", "pictures": 2, "pixels": 0.75, "all": 2} and car["pixels"] == 0.25
    )


@pytest.mark.parametrize(
    "augment",
    ["mosaic+flip+jitter:0.2", pytest.param("keras:RandomFlip", marks=pytest.mark.sweep)],
)
def test_boxes_and_masks_are_drawn(coco, streets, tmp_path, augment):
    for uri, key in ((coco, "boxes"), (f"masks:{streets}", "image")):
        plain, out = tmp_path / "plain.png", tmp_path / "sheet.png"
        words = ["preview", uri, "--size", "64", "--count", "3", "--augment", augment, "--json"]
        result = data.run(parse(data.Settings, [*words, "--out", str(out)]))
        assert len(result["shown"]) == 3 and all(key in row for row in result["shown"])
        from kapps.data import contact

        contact.write_sheet(find(uri, None), plain, augment, 64, 3)
        drawn, bare = (np.asarray(Image.open(path), int) for path in (out, plain))
        step = contact.MARKED + contact.GAP
        for column in range(5):  # the photo itself, and each of its variants
            piece = np.s_[:, column * step + 8 : (column + 1) * step + 8]
            assert (np.abs(drawn[piece] - bare[piece]) > 30).any()
