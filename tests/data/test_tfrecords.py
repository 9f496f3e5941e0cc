"""Data sets of TensorFlow Datasets: one is prepared here, in a temporary folder."""

import importlib.resources.abc
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kapps.data import find, indexes, load, tfrecords
from kapps.data.images import ImageError, open_image
from kapps.data.tfrecords import read_records
from kapps.errors import DataError

from . import pictures

# tfds 4.9.10 imports this backport when it prepares a data set, without declaring that it does;
# the standard library has had the same since Python 3.11.
sys.modules.setdefault("importlib_resources", importlib.resources)

LABELS = ("circle", "square", "star")


def picture(split: str, i: int) -> np.ndarray:
    seed = i if split == "train" else 1000 + i
    return np.asarray(pictures.noise(9 + i % 3, 8, seed))


class TinyShapes(tfds.core.GeneratorBasedBuilder):
    """Noise with a label, stored as PNG."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict(
            {
                "id": tfds.features.Text(),
                "image": tfds.features.Image(),
                "label": tfds.features.ClassLabel(names=LABELS),
            }
        )
        return self.dataset_info_from_configs(features=features, supervised_keys=("image", "label"))

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples("train", 30),
            "test": self._generate_examples("test", 6),
        }

    def _generate_examples(self, split, count):
        for i in range(count):
            yield i, {"id": f"{split}{i}", "image": picture(split, i), "label": LABELS[i % 3]}


class NoPictures(tfds.core.GeneratorBasedBuilder):
    """Text only."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"text": tfds.features.Text()})
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        yield 0, {"text": "hello"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    for builder in (TinyShapes, NoPictures):
        builder(data_dir=str(folder)).download_and_prepare()
    return folder


def test_pictures_labels_and_names(directory):
    collection = find(f"tfds:tiny_shapes?data_dir={directory}")
    assert collection.classes == LABELS and collection.named
    assert {split: len(part) for split, part in collection.parts.items()} == {
        "train": 30,
        "test": 6,
    }
    for split, part in collection.parts.items():
        # tfds shuffles what it writes, so pictures are found by their content.
        expected = {picture(split, i).tobytes(): i % 3 for i in range(len(part))}
        decoded = [np.asarray(open_image(item)).tobytes() for item in part.items]
        assert dict(zip(decoded, part.labels.tolist(), strict=True)) == expected


def test_environment_names_the_directory(directory, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(directory))
    assert len(find("tfds:tiny_shapes").parts["train"]) == 30
    assert len(find("tfds:tiny_shapes:1.0.0").parts["train"]) == 30


def test_without_the_code_that_made_it(directory, monkeypatch):
    from tensorflow_datasets.core import registered

    monkeypatch.delitem(registered._DATASET_REGISTRY, "tiny_shapes")
    assert find(f"tfds:tiny_shapes?data_dir={directory}").classes == LABELS


def test_not_prepared_is_never_downloaded(tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("something was downloaded")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", never)
    with pytest.raises(DataError) as error:
        find(f"tfds:tiny_shapes?data_dir={tmp_path}")
    sentence = str(error.value)
    assert f"run `tfds build tiny_shapes --data_dir {tmp_path}`" in sentence
    assert "download=1" in sentence and "\n" not in sentence
    with pytest.raises(
        DataError, match="'mnist' is not prepared; run `tfds build mnist --data_dir"
    ):
        find(f"tfds:mnist?data_dir={tmp_path}")


def test_download_may_be_allowed(tmp_path):
    collection = find(f"tfds:tiny_shapes?data_dir={tmp_path}&download=1")
    assert len(collection.parts["test"]) == 6


def test_errors(directory):
    with pytest.raises(DataError, match="'no_such_thing' is not a data set known to tfds or in "):
        find(f"tfds:no_such_thing?data_dir={directory}")
    with pytest.raises(DataError, match="'dir' is not an option; use data_dir or download"):
        find(f"tfds:tiny_shapes?dir={directory}")
    with pytest.raises(DataError, match="no picture or no class label among its features .text"):
        find(f"tfds:no_pictures?data_dir={directory}")


def test_record_files_cut_short(directory, tmp_path):
    path = next(directory.glob("tiny_shapes/1.0.0/*train*tfrecord*"))
    whole, labels = read_records([str(path)], "image", "label")
    assert len(whole) == len(labels) == 30
    for cut in (1, 100):
        broken = tmp_path / "broken.tfrecord"
        broken.write_bytes(path.read_bytes()[:-cut])
        with pytest.raises(DataError, match="broken.tfrecord is cut short"):
            read_records([str(broken)], "image", "label")
    with pytest.raises(DataError, match="a record without the feature 'photo'"):
        read_records([str(path)], "photo", "label")
    assert len(read_records([], "image", "label")[0]) == 0


def test_places_are_those_that_tensorflow_finds(tmp_path):
    """Against TensorFlow's own writer and parser: unpacked, negative, empty, in any order."""
    import tensorflow as tf

    path = tmp_path / "some.tfrecord"
    rows = [(b"x" * size, label) for size, label in ((0, 3), (1, -1), (127, 0), (70_000, 1 << 40))]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for data, label in rows:
            feature = {
                "file_name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"n.jpg"])),
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[data, b"second"])),
                "score": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label, 9])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    records, labels = read_records([str(path)], "image", "label")
    assert list(zip(records, labels.tolist(), strict=True)) == rows
    path.write_bytes(path.read_bytes()[:-40_000])
    with pytest.raises(ImageError, match="some.tfrecord is cut short"):
        records[3]


def test_what_was_found_is_kept(directory, monkeypatch):
    path = str(next(directory.glob("tiny_shapes/1.0.0/*train*tfrecord*")))
    monkeypatch.setattr(indexes, "WORTH_KEEPING", 30)
    first, labels = read_records([path], "image", "label")
    monkeypatch.setattr(tfrecords, "_find_records", None)  # would raise if it were called
    again, same = read_records([path], "image", "label")
    assert again == first and np.array_equal(labels, same)


def test_batches_of_every_split(directory):
    uri = f"tfds:tiny_shapes?data_dir={directory}"
    train = load(uri, split="train", size=8, batch_size=5, training=True)
    val = load(uri, split="val", size=8, batch_size=5)
    test = load(uri, split="test", size=8, batch_size=5)
    assert (train.images, val.images, test.images) == (24, 6, 6)
    images, labels = next(iter(train))
    assert images.shape == (5, 8, 8, 3) and labels.shape == (5,)
    assert np.bincount(val.labels).tolist() == [2, 2, 2]
    matched = load(uri, split="test", size=8, class_names=("Star", "Circle", "Square", "extra"))
    assert sorted(matched.labels) == [0, 0, 1, 1, 2, 2]
