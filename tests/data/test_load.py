"""`load`: batches on every backend, what is left out and why, and one sentence for each error."""

import errno
import os
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

from kapps.data import Dataset, Transform, load, load_splits, reading
from kapps.data.annotations import Rows
from kapps.data.images import open_image
from kapps.data.looks import Look
from kapps.data.sources import Source
from kapps.errors import DataError, KappsError, MissingFileError
from tests import forks

from . import pictures

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    pictures.write_class_folders(folder, {"cat": 10, "dog": 15})
    return folder


def everything(dataset):
    """All pictures and labels of one epoch."""
    batches = list(dataset)
    return np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])


def test_a_folder(photos):
    dataset = load(photos, size=16, split="all", batch_size=10)
    assert isinstance(dataset, Dataset)
    assert dataset.class_names == ("cat", "dog")
    assert (dataset.images, dataset.steps, len(dataset)) == (25, 3, 3)
    assert int(dataset.batches.cardinality()) == 3
    assert dataset.skipped == [] and dataset.cached and not dataset.training
    images, labels = everything(dataset)
    assert images.shape == (25, 16, 16, 3) and images.dtype == np.uint8
    np.testing.assert_array_equal(labels, [0] * 10 + [1] * 15)
    np.testing.assert_array_equal(labels, dataset.labels)
    assert dataset.names[10] == "dog/0.jpg"
    # Evaluation, prediction and the phone's bundle share one rule.
    transform = Transform(16)
    assert dataset.transform == transform
    for name, image in zip(dataset.names, images, strict=True):
        np.testing.assert_array_equal(image, transform(photos / name))


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_caching_changes_no_evaluation(photos, cache):
    dataset = load(photos, size=16, split="all", cache=cache)
    assert dataset.cached == (cache == "memory")
    expected, _ = everything(load(photos, size=16, split="all"))
    for _ in range(2):
        np.testing.assert_array_equal(everything(dataset)[0], expected)


def test_training_pictures_from_memory_equal_those_from_disk(photos):
    # These photos are smaller than twice the size, so that memory holds them whole.
    kept, fresh = (
        everything(load(photos, size=24, training=True, cache=cache))
        for cache in ("memory", "none")
    )
    np.testing.assert_array_equal(kept[0], fresh[0])
    np.testing.assert_array_equal(kept[1], fresh[1])


def test_auto_cache_follows_the_memory(photos, monkeypatch):
    assert load(photos, size=16).cached
    monkeypatch.setattr(reading, "CACHE_LIMIT", 20 * 16 * 16 * 3 - 1)  # 25 photos, 5 validate
    assert not load(photos, size=16).cached
    assert not load(photos, size=16, training=True).cached
    monkeypatch.setattr(reading, "CACHE_LIMIT", 20 * 16 * 16 * 3)
    assert load(photos, size=16).cached
    # Training keeps 40x30 photos whole for 16 pixels (twice 16 is more): 4 bytes a pixel.
    monkeypatch.setattr(reading, "CACHE_LIMIT", 20 * 40 * 30 * 4)
    assert load(photos, size=16, training=True).cached


def test_fit_evaluate_and_predict(photos):
    train, val = load_splits(str(photos), size=16, batch_size=8)
    assert (train.images, val.images) == (20, 5)
    assert not set(train.names) & set(val.names)
    assert np.bincount(val.labels).tolist() == [2, 3]
    model = keras.Sequential(
        [
            keras.layers.Input((16, 16, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train.batches, validation_data=val.batches, epochs=2, verbose=0)
    assert len(history.history["val_accuracy"]) == 2
    _, accuracy = model.evaluate(val.batches, verbose=0)
    predicted = model.predict(val.batches, verbose=0).argmax(-1)
    assert predicted.shape == (5,)
    assert accuracy == pytest.approx((predicted == val.labels).mean())


def test_epochs_repeat_with_the_seed_and_differ_from_each_other():
    def epochs(seed, start=0):
        dataset = load("digits", size=8, channels=1, training=True, seed=seed, limit=200)
        dataset.set_epoch(start)
        return [everything(dataset) for _ in range(2)]

    first, again, other = epochs(0), epochs(0), epochs(1)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])
    assert (first[0][1] != first[1][1]).any() and (first[0][1] != other[0][1]).any()
    np.testing.assert_array_equal(np.sort(first[0][1]), np.sort(first[1][1]))
    np.testing.assert_array_equal(epochs(0, start=1)[0][0], first[1][0])


def test_set_epoch_holds_in_fit_whatever_keras_peeks_at(photos):
    """Keras reads a batch before the first epoch on some backends; the callback puts that right."""
    dataset = load(photos, size=8, training=True, batch_size=4)
    seen = []

    class Epoch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            dataset.set_epoch(epoch)

    order = dataset._make_order
    dataset._order = lambda epoch: seen.append(epoch) or order(epoch)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(dataset.batches, epochs=2, verbose=0, callbacks=[Epoch()])
    assert seen[-2 * dataset.steps :] == [0] * dataset.steps + [1] * dataset.steps


ENDS = """
import time
from kapps import data
from kapps.data.reading import Reader

plain = Reader.batch
Reader.batch = lambda *args: time.sleep(0.3) or plain(*args)
batches = iter(data.load("digits", size=16, batch_size=8, training=True).batches)
next(batches)
{end}
"""


@pytest.mark.parametrize(("end", "status"), [("pass", 0), ("raise RuntimeError", 1)])
def test_a_script_may_end_while_batches_are_read(end, status):
    """TensorFlow alone waits for ever for a thread that the interpreter has ended."""
    done = forks.run(["-c", ENDS.format(end=end)], dict(os.environ))
    assert done.returncode == status, done.stderr


def test_digits():
    dataset = load("digits", size=8, channels=1, split="all", batch_size=1797)
    images, labels = next(iter(dataset))
    assert images.shape == (1797, 8, 8, 1) and dataset.class_names == tuple("0123456789")
    # At their own size digits are not resampled, and nothing is cropped.
    np.testing.assert_array_equal(images[0, 0, :, 0], [0, 0, 80, 207, 143, 16, 0, 0])
    colour = load("digits", size=32, split="val")
    assert next(iter(colour))[0].shape == (32, 32, 32, 3)


def test_csv_and_npz(photos, tmp_path):
    rows = "".join(f"{photos}/{c}/{i}.jpg,{c}\n" for c in ("cat", "dog") for i in range(3))
    (tmp_path / "table.csv").write_text("path,label\n" + rows)
    rule = Transform(16, crop_pct=0.9)
    table = load(f"csv:{tmp_path}/table.csv", transform=rule, split="all")
    images = np.stack([np.asarray(open_image(photos / "cat" / f"{i}.jpg")) for i in range(3)])
    np.savez(tmp_path / "data.npz", images=images, labels=[0, 1, 1])
    arrays = load(f"npz:{tmp_path}/data.npz", transform=rule, split="all")
    np.testing.assert_array_equal(everything(table)[0][:3], everything(arrays)[0])
    # Arrays are cut already, so by default nothing is cropped.
    assert load(f"npz:{tmp_path}/data.npz", size=16, split="all").transform.crop_pct == 1
    assert table.class_names == ("cat", "dog") and arrays.class_names == ("0", "1")


@pytest.mark.parametrize("mix", ["mixup", "cutmix", "mixup+cutmix"])
def test_label_mixing(photos, mix):
    train, val = load_splits(str(photos), size=16, mix=mix, batch_size=10)
    images, labels = next(iter(train))
    assert images.dtype == np.uint8 and labels.shape == (10, 2) and labels.dtype == np.float32
    np.testing.assert_allclose(labels.sum(-1), 1, atol=1e-6)
    assert ((labels > 0.01) & (labels < 0.99)).any()
    np.testing.assert_array_equal(next(iter(val))[1], np.eye(2)[val.labels])
    train.set_epoch(0)
    np.testing.assert_array_equal(next(iter(train))[1], labels)


def test_one_hot_and_drop_remainder(photos):
    dataset = load(photos, size=8, split="all", batch_size=10, one_hot=True, drop_remainder=True)
    batches = list(dataset)
    assert dataset.steps == len(batches) == 2
    np.testing.assert_array_equal(batches[0][1], [[1, 0]] * 10)
    train = load(photos, size=8, training=True, batch_size=8, drop_remainder=True)
    assert train.batches.element_spec[0].shape == (8, 8, 8, 3)  # known, as jit and TPUs like it


def test_processes_share_every_batch(photos):
    options = {"size": 8, "training": True, "batch_size": 8, "drop_remainder": True, "seed": 3}
    whole = load(photos, **options)
    parts = [load(photos, share=(rank, 2), **options) for rank in (0, 1)]
    assert [part.steps for part in parts] == [whole.steps] * 2
    assert parts[1].batches.element_spec[0].shape == (4, 8, 8, 3)
    for batch, *halves in zip(whole, *parts, strict=True):
        for all_of_it, *some in zip(batch, *halves, strict=True):
            np.testing.assert_array_equal(all_of_it, np.concatenate(some))


def test_limit_is_spread_over_the_classes(photos):
    dataset = load(photos, size=8, split="all", limit=5)
    assert dataset.images == 5 and dataset.labels.tolist() == [0, 0, 1, 1, 1]
    assert load(photos, size=8, split="all", limit=1000).images == 25


def test_rectangles_and_transforms(photos):
    images, _ = everything(load(photos, size=(12, 20), split="all"))
    assert images.shape[1:] == (12, 20, 3)
    rule = Transform(10, interpolation="nearest", channels=1)
    dataset = load(photos, transform=rule, split="all")
    assert dataset.transform == rule and everything(dataset)[0].shape[1:] == (10, 10, 1)
    assert load(photos, transform=rule, size=12, channels=3).transform == rule.replace(
        size=12, channels=3
    )


BAD = {
    "truncated.jpg": (pictures.truncated_jpeg(), "is damaged"),
    "truncated.png": (pictures.truncated_png(), "is damaged"),
    "empty.jpg": (b"", "is empty"),
    "page.jpg": (b"<html>not found</html>", "not a picture"),
    "bomb.png": (pictures.bomb(), "900000000 pixels"),
    "phone.heic": (pictures.heic(), "HEIC"),
    "битый.jpg": (pictures.truncated_jpeg(0.7), "is damaged"),
}


@pytest.fixture
def damaged(tmp_path):
    pictures.write_class_folders(tmp_path, {"cat": 6, "dog": 6})
    for name, (data, _) in BAD.items():
        (tmp_path / "dog" / name).write_bytes(data)
    return tmp_path


@pytest.mark.parametrize("cache", ["memory", "none"])
@pytest.mark.parametrize("training", [True, False])
def test_bad_pictures_are_listed_and_left_out(damaged, cache, training):
    dataset = load(damaged, size=16, validation=0.0, training=training, cache=cache)
    skipped = {name.removeprefix("dog/"): reason for name, reason in dataset.skipped}
    assert set(skipped) == set(BAD)
    for name, (_, reason) in BAD.items():
        assert reason in skipped[name]
    assert dataset.images == 12
    assert np.bincount(everything(dataset)[1]).tolist() == [6, 6]


@pytest.mark.parametrize("training", [True, False])
def test_damage_that_only_decoding_finds_never_stops_an_epoch(tmp_path, training):
    pictures.write_class_folders(tmp_path, {"cat": 6, "dog": 6})
    (tmp_path / "dog" / "inside.png").write_bytes(pictures.png_damaged_inside())
    options = {"size": 16, "validation": 0.0, "training": training, "batch_size": 5}
    assert load(tmp_path, cache="memory", **options).images == 12
    dataset = load(tmp_path, cache="none", **options)
    assert dataset.images == 13 and dataset.skipped == []
    for _ in range(2):
        images, labels = everything(dataset)
        if training:  # another picture of the batch stands in, so that the shapes stay
            assert len(images) == 13
        else:  # what cannot be read cannot be counted
            assert len(images) == 12 and np.bincount(labels).tolist() == [6, 6]
    ((name, reason),) = dataset.skipped  # listed once
    assert name == "dog/inside.png" and "is damaged" in reason


def test_a_batch_of_damaged_pictures_only(tmp_path):
    pictures.write_class_folders(tmp_path, {"cat": 2, "dog": 2})
    for name in "xyz":
        (tmp_path / "dog" / f"{name}.png").write_bytes(pictures.png_damaged_inside())
    dataset = load(tmp_path, size=16, split="all", cache="none", batch_size=5)
    images, labels = everything(dataset)  # batches of 4 and 1: the first cat stands in
    assert len(images) == 5 and labels.tolist() == [0, 0, 1, 1, 0]
    np.testing.assert_array_equal(images[4], images[0])
    assert len(dataset.skipped) == 3


def test_pictures_that_vanish_while_training(tmp_path):
    pictures.write_class_folders(tmp_path, {"cat": 4, "dog": 4})
    dataset = load(tmp_path, size=16, validation=0.0, training=True, cache="none")
    (tmp_path / "cat" / "0.jpg").unlink()
    images, labels = everything(dataset)
    assert len(images) == 8 and len(np.unique(images, axis=0)) == 7
    assert np.bincount(labels).sum() == 8
    assert dataset.skipped[0][0] == "cat/0.jpg" and "does not exist" in dataset.skipped[0][1]
    for path in tmp_path.glob("*/*.jpg"):
        path.unlink()
    with pytest.raises(Exception, match="no picture can be read any more"):
        everything(dataset)


def test_no_permission(photos, monkeypatch):
    read = Path.read_bytes

    def guarded(path):
        if path.parent.name == "cat" and path.name == "0.jpg":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", guarded)
    ((name, reason),) = load(photos, size=8, split="all").skipped
    assert name == "cat/0.jpg" and "cannot be read (Permission denied)" in reason


def test_names_of_the_model(tmp_path):
    classes = (
        ("n01440764", "tench"),
        ("n01443537", "goldfish"),
        ("n01484850", "great_white_shark"),
    )
    pictures.write_class_folders(tmp_path, {"Great White Shark": 2, "n01443537": 3})
    dataset = load(tmp_path, size=8, split="all", class_names=classes)
    assert dataset.class_names == ("tench", "goldfish", "great_white_shark")
    assert dataset.labels.tolist() == [2, 2, 1, 1, 1]
    # One class is enough to evaluate a model on.
    pictures.write_class_folders(tmp_path / "one", {"goldfish": 2})
    assert load(tmp_path / "one", size=8, split="all", class_names=classes).labels.tolist() == [
        1,
        1,
    ]
    pictures.write_class_folders(tmp_path, {"golden fish": 1})
    with pytest.raises(DataError, match="the class 'golden fish' is none of the .*'goldfish'"):
        load(tmp_path, size=8, split="all", class_names=classes)


def test_numbers_as_labels_are_the_models_indices(tmp_path):
    images = np.zeros((3, 4, 4), np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=[0, 3, 2])
    classes = ("a", "b", "c", "d", "e")
    dataset = load(tmp_path / "data.npz", size=4, split="all", class_names=classes)
    assert dataset.labels.tolist() == [0, 3, 2] and dataset.class_names == classes
    with pytest.raises(DataError, match="has label 3, but there are only 3 classes, 0 to 2"):
        load(tmp_path / "data.npz", size=4, split="all", class_names=classes[:3])


def test_errors_about_the_data(tmp_path, photos):
    pictures.write_class_folders(tmp_path / "one", {"cat": 5})
    with pytest.raises(DataError, match="has one class, 'cat'; a classifier needs two or more"):
        load(tmp_path / "one", size=8)
    (tmp_path / "bad" / "a").mkdir(parents=True)
    (tmp_path / "bad" / "b").mkdir()
    for name in ("a/1.jpg", "b/2.jpg"):
        (tmp_path / "bad" / name).write_bytes(b"nothing")
    with pytest.raises(DataError, match="none of 2 pictures can be read; .*not a picture"):
        load(tmp_path / "bad", size=8, split="all")
    pictures.write_class_folders(tmp_path / "bad", {"c": 5})
    with pytest.raises(DataError, match="no readable picture of class 'a' to train on .2 skipped"):
        load(tmp_path / "bad", size=8, training=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures; expected one folder a class"):
        load(tmp_path / "empty", size=8)


@pytest.mark.parametrize(
    "uri, message",
    [
        ("/no/such/folder", "'/no/such/folder' is no data and no folder; give digits, folder:PATH"),
        ("digit", "'digit' is no data and no folder; did you mean digits\\?"),
        ("foldr:photos", "did you mean folder:\\?"),
        ("csv:", "'csv:' names no data after the colon"),
        ("folder:", "names no data after the colon"),
    ],
)
def test_unknown_addresses(uri, message):
    with pytest.raises((DataError, MissingFileError), match=message) as error:
        load(uri, size=8)
    assert isinstance(error.value, KappsError) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"size": None}, "size=None without a transform"),
        ({"batch_size": 0}, "batch_size=0 is not a whole number above 0"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"seed": -1}, "seed=-1 is not a whole number from 0"),
        ({"cache": "disk"}, "cache='disk' is not one of auto, memory, none"),
        ({"mix": "cutout", "training": True}, "mix='cutout': 'cutout' is none of its parts"),
        ({"mix": "mixup"}, "have no effect with training=False"),
        ({"augment": "default"}, "augment='default', mix=None have no effect"),
        ({"limit": 0}, "limit=0"),
        ({"split": "dev"}, "split='dev' is not one of"),
        ({"validation": 1.0}, "validation=1.0 is not in"),
        ({"channels": 4}, "channels=4"),
        ({"drop_remainder": True, "batch_size": 64}, "leaves nothing of 20 pictures"),
        ({"share": (0, 2)}, r"share=\(0, 2\) needs drop_remainder=True"),
        ({"share": (0, 3), "drop_remainder": True, "batch_size": 8}, "a batch_size that 3 divides"),
    ],
)
def test_wrong_arguments(photos, options, message):
    with pytest.raises(ValueError, match=message):
        load(photos, **{"size": 8, **options})


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_plain_batches_are_those_of_tf_data(photos, cache):
    """Without tf.data an evaluation reads the same, also where a picture turned bad later."""
    given = {"size": 16, "split": "all", "batch_size": 5, "cache": cache, "one_hot": True}
    dataset = load(str(photos), **given)
    plain = list(dataset)
    assert "batches" not in vars(dataset)  # no pipeline was built
    piped = list(dataset.batches.as_numpy_iterator())
    assert len(plain) == len(piped) == dataset.steps
    for (images, labels), (more_images, more_labels) in zip(plain, piped, strict=True):
        np.testing.assert_array_equal(images, more_images)
        np.testing.assert_array_equal(labels, more_labels)
        assert (images.dtype, labels.dtype) == (more_images.dtype, more_labels.dtype)


def test_plain_batches_may_be_left_in_the_middle(photos):
    dataset = load(str(photos), size=16, split="all", batch_size=2, cache="none")
    batches = iter(dataset)
    first, _ = next(batches)
    batches.close()
    np.testing.assert_array_equal(first, next(iter(dataset))[0])


def test_several_epochs_as_one_pipeline_that_begins_anew(photos):
    dataset = load(
        photos, size=16, batch_size=2, training=True, seed=3, augment="digits", drop_remainder=True
    )
    expected = []
    for number in (1, 2):
        dataset.set_epoch(number)
        expected += [(images.tobytes(), tuple(labels)) for images, labels in dataset]
    pipeline = dataset.epochs(1, 3)
    assert pipeline.cardinality() == len(expected) == 2 * dataset.steps
    for _ in range(2):
        got = [(i.tobytes(), tuple(y)) for i, y in pipeline.as_numpy_iterator()]
        assert got == expected


def test_files_are_read_at_the_same_time():
    """However slow the disk is: eight files are asked for before the first has to be there."""
    contents, met = pictures.encode(pictures.noise(40, 30), "JPEG"), threading.Barrier(8)

    class Slow(list):
        def __getitem__(self, i):
            met.wait(timeout=20)
            return contents

    source = Source(Slow([None] * 16), np.zeros(16, int), [str(i) for i in range(16)])
    reader = object.__new__(reading.Reader)  # without the look at every picture
    reader.looks, reader.seed = (Look(Transform(16, training=True)),), 0
    reader.source, reader.skipped, reader.form = source, [], Rows("class", (), np.int32)
    reader._decoded, reader._marks, reader._fill = None, None, False
    (images,), labels, _ = reader.batch(np.arange(16), 0)
    assert images.shape == (16, 16, 16, 3) and labels.shape == (16,)
