"""Data sets prepared by TensorFlow Datasets, read with random access."""

import os
import struct
import urllib.parse
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from kapps.data import examples, indexes
from kapps.data.folders import SPLIT_FOLDERS
from kapps.data.packed import Packed
from kapps.data.sources import Collection, Source
from kapps.data.texts import Numbered
from kapps.errors import DataError, MissingPackageError

OPTIONS = ("data_dir", "download")
HEADER = struct.Struct("<Q4x")  # TFRecord: length of the record, its checksum; 4 bytes follow it
FOOTER = 4


def open_tfds(name: str, uri: str, annotation: str = "class") -> Collection:
    """Open NAME, NAME/config or NAME:version, with ?data_dir=DIR and ?download=1 as options.

    With annotation "boxes" and "mask" see `kapps.data.tfds_marks`; a data set of boxes whose
    pictures have no class gives its boxes in any case.

    Only a data set that is prepared is opened; nothing is downloaded unless `download=1` says so.

    Raises:
        MissingPackageError: tensorflow-datasets is not installed.
        DataError: unknown, not prepared (with the command that prepares it), or without pictures
            and classes.
    """
    name, _, query = name.partition("?")
    options = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise DataError(f"{uri}: {unknown[0]!r} is not an option; use {' or '.join(OPTIONS)}.")
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError:
        raise MissingPackageError(
            "tfds: needs TensorFlow Datasets; pip install tensorflow-datasets."
        ) from None
    directory = options.get("data_dir") or os.environ.get("TFDS_DATA_DIR") or None
    if directory:
        directory = str(Path(directory).expanduser())
    try:
        builder = tfds.builder(name, data_dir=directory)
    except (tfds.core.DatasetNotFoundError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split())[:200]
        where = directory or "~/tensorflow_datasets"
        raise DataError(
            f"{name!r} is not a data set known to tfds or in {where}: {reason}"
        ) from error
    if not builder.info.splits:
        if options.get("download") not in ("1", "true", "yes"):
            place = f" --data_dir {directory}" if directory else ""
            raise DataError(
                f"{name!r} is not prepared; run `tfds build {name}{place}`, "
                f"or add {'&' if query else '?'}download=1 to allow it here."
            )
        builder.download_and_prepare()
    return _collect(builder, uri, annotation)


def _collect(builder, uri: str, annotation: str) -> Collection:
    from tensorflow_datasets import features as kinds

    from kapps.data import tfds_marks  # which reads records as this module does

    features = builder.info.features
    image = [key for key, kind in features.items() if isinstance(kind, kinds.Image)]
    label = [key for key, kind in features.items() if isinstance(kind, kinds.ClassLabel)]
    if supervised := builder.info.supervised_keys:
        image = [key for key in image if key == supervised[0]] or image
        label = [key for key in label if key == supervised[1]] or label
    boxes = image and not label and tfds_marks.feature_of_boxes(features)
    if image and (annotation == "boxes" or boxes):
        return tfds_marks.collect_boxes(builder, uri, image[0])
    if image and annotation == "mask":
        return tfds_marks.collect_masks(builder, uri, image[0])
    if not image or not label:
        found = ", ".join(features)
        raise DataError(f"{uri} has no picture or no class label among its features ({found}).")
    parts = {}
    for split, info in builder.info.splits.items():
        known = SPLIT_FOLDERS.get(split)  # others, such as "unlabelled", cannot be learned from
        if known is None or known in parts or not info.num_examples:
            continue
        paths = [os.fspath(path) for path in info.filepaths]
        records, labels = read_records(paths, image[0], label[0])
        if (labels < 0).all():  # ImageNet's test part: its labels are secret, and -1 here
            continue
        parts[known] = Source(records, labels, Numbered(f"{builder.name}/{split}", len(labels)))
    if not parts:
        found = ", ".join(builder.info.splits)
        raise DataError(f"{uri} has examples neither to train, validate nor test on ({found}).")
    names = features[label[0]].names
    return Collection(uri, parts, tuple(names))


def read_records(paths: Sequence[str], image: str, label: str) -> tuple[Packed, np.ndarray]:
    """Find the pictures in TFRecord files.

    Only what stands around a picture is read, not the picture; of ImageNet's 144 GB that are a few
    hundred bytes for each of 1.3 million. What was found is kept, see `kapps.data.indexes`.

    Args:
        paths: the files.
        image: the feature of each record that holds the bytes of an image file.
        label: the feature that holds its class.

    Returns:
        The pictures, and their labels, int64 [N].

    Raises:
        DataError: a file is cut short, no TFRecord file, or its records have no such features.
    """
    table = indexes.kept(
        paths, ["tfrecords 1", image, label], lambda: _find_records(paths, image, label)
    )
    labels = table.pop("labels")
    return Packed(paths, **table), labels


def records(paths: Sequence[str]) -> Iterator[tuple[int, IO[bytes], int, int]]:
    """Each record: the number of its file, the open file, and where in it the record lies.

    Raises:
        DataError: a file is cut short.
    """
    for number, path in enumerate(paths):
        size = Path(path).stat().st_size
        with open(path, "rb") as file:
            offset = 0
            while offset < size:
                file.seek(offset)
                header = file.read(HEADER.size)
                length = HEADER.unpack(header)[0] if len(header) == HEADER.size else size
                start, offset = offset + HEADER.size, offset + HEADER.size + length + FOOTER
                if offset > size:
                    raise DataError(f"{path} is cut short; prepare the data set again.")
                yield number, file, start, start + length


def _find_records(paths: Sequence[str], image: str, label: str) -> dict[str, np.ndarray]:
    files, offsets, lengths, labels = array("I"), array("Q"), array("Q"), array("q")
    for number, file, start, stop in records(paths):
        found = examples.features(file, start, stop, (image, label))
        if len(found) < 2:
            missing = image if image not in found else label
            raise DataError(
                f"{file.name} has a record without the feature {missing!r}; "
                "prepare the data set again."
            )
        place, bytes_ = examples.first_bytes(file, *found[image])
        files.append(number)
        offsets.append(place)
        lengths.append(bytes_)
        labels.append(examples.first_integer(file, *found[label]))
    return {
        "files": np.array(files, np.uint32),
        "offsets": np.array(offsets, np.uint64),
        "lengths": np.array(lengths, np.uint32),
        "labels": np.array(labels, np.int64),
    }
