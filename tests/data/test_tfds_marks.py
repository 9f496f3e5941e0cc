"""Boxes and masks of TensorFlow Datasets: small ones of the features of voc, coco and the pets."""

import importlib.resources.abc
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kapps.data import find, load
from kapps.errors import DataError

sys.modules.setdefault("importlib_resources", importlib.resources)  # see test_tfrecords.py
CLASSES = ("bird", "cat", "dog")


def photo(i):
    """40 wide, 20 high, of its own colour, with a bright piece at (10, 5) to (20, 15)."""
    pixels = np.full((20, 40, 3), 10 + i, np.uint8)
    pixels[5:15, 10:20] = 255
    return pixels


class Builder(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    counts = {"train": 4, "validation": 2, "test": 1}

    def _info(self):
        features = tfds.features.FeaturesDict({"image": tfds.features.Image(), **self.features()})
        return self.dataset_info_from_configs(features=features)

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in self.counts}

    def _generate_examples(self, split):
        for i in range(self.counts[split]):
            yield i, {"image": photo(i), **self.row(split, i)}


class TinyVoc(Builder):
    """As tfds:voc; the boxes of the test part are secret."""

    def features(self):
        label = tfds.features.ClassLabel(names=CLASSES)
        inner = {"label": label, "bbox": tfds.features.BBoxFeature(),
                 "pose": tfds.features.ClassLabel(names=["left", "right"]),
                 "is_difficult": np.bool_}  # fmt: skip
        return {"objects": tfds.features.Sequence(inner), "labels": tfds.features.Sequence(label)}

    def row(self, split, i):
        box = tfds.features.BBox(ymin=0.25, xmin=0.25, ymax=0.75, xmax=0.5)
        rows = [{"label": i % 2, "bbox": box, "pose": 1, "is_difficult": False}]
        if i == 0:
            whole = tfds.features.BBox(0.0, 0.0, 1.0, 1.0)
            rows.append({"label": 2, "bbox": whole, "pose": 0, "is_difficult": True})
        if i == 3 or split == "test":
            rows = []
        return {"objects": rows, "labels": [row["label"] for row in rows]}


class OxfordIiitPet(Builder):
    """As tfds:oxford_iiit_pet: one box of a head or none, and a mask of 1, 2 and 3."""

    VERSION = tfds.core.Version("4.0.0")
    counts = {"train": 3, "test": 2}

    def features(self):
        return {
            "label": tfds.features.ClassLabel(names=CLASSES),
            "species": tfds.features.ClassLabel(names=["Cat", "Dog"]),
            "segmentation_mask": tfds.features.Image(shape=(None, None, 1), use_colormap=True),
            "head_bbox": tfds.features.BBoxFeature(),
        }

    def row(self, split, i):
        mask = np.full((20, 40, 1), 2, np.uint8)
        mask[5:15, 10:20], mask[4] = 1, 3
        sides = (0.25, 0.25, 0.75, 0.5) if split == "train" and i else (0.0, 0.0, 0.0, 0.0)
        return {
            "label": i % 3,
            "species": 0,
            "segmentation_mask": mask,
            "head_bbox": tfds.features.BBox(*sides),
        }


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    from tensorflow_datasets.core import registered

    folder = tmp_path_factory.mktemp("tfds")
    known = registered._DATASET_REGISTRY
    for builder in (TinyVoc, OxfordIiitPet):
        builder(data_dir=str(folder)).download_and_prepare()
        known.pop(builder.name, None)  # it is read as if somebody else had prepared it
    return f"?data_dir={folder}"


def test_boxes_as_voc_has_them(directory):
    found = find(f"tfds:tiny_voc{directory}", "boxes")
    assert found.classes == CLASSES and list(found.parts) == ["train", "val"]
    rows = {tuple(marks.labels): marks for marks in found.parts["train"].labels}
    assert set(rows) == {(0, 2), (1,), (0,), ()}
    first = rows[0, 2]
    np.testing.assert_allclose(first.boxes, [[0.25, 0.25, 0.5, 0.75], [0, 0, 1, 1]])
    assert first.apart.tolist() == [False, True] and first.size == (1, 1)
    assert find(f"tfds:tiny_voc{directory}", None).annotation == "boxes"
    shown = find(f"tfds:tiny_voc{directory}", "labels").parts["val"].labels
    assert sorted(shown.tolist()) == [[0, 1, 0], [1, 0, 0]]
    dataset = load(f"tfds:tiny_voc{directory}", annotation="boxes", size=(20, 40), split="train")
    ((images, marks),) = list(dataset)
    for picture, boxes in zip(images, marks["boxes"], strict=True):
        assert (picture[5:15, 10:20] == 255).all()
        assert boxes[0].tolist() in ([10, 5, 20, 15], [-1, -1, -1, -1])


def test_pets_have_heads_and_masks_and_classes(directory):
    uri = f"tfds:oxford_iiit_pet{directory}"
    assert find(uri).annotation == "class"
    assert len(find(uri).classes) == 37  # tfds has code of its own for it, which reads what is here
    heads = find(uri, "boxes")
    assert list(heads.parts) == ["train"] and len(heads.parts["train"]) == 2
    assert [why for _, why in heads.parts["train"].skipped] == ["has no box"]
    dataset = load(uri, annotation="mask", size=(20, 40), split="test")
    assert dataset.class_names == ("pet", "background")
    ((images, masks),) = list(dataset)
    assert masks.shape == (2, 20, 40) and (masks[:, 4] == 255).all()
    np.testing.assert_array_equal(masks == 0, images[..., 0] == 255)


def test_what_a_data_set_does_not_have(directory):
    with pytest.raises(DataError, match="holds boxes, not masks; those come from masks: and tfds:"):
        find(f"tfds:tiny_voc{directory}", "mask")
