"""Data sets prepared by TensorFlow Datasets, read with random access."""

import os
import struct
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kapps.data.folders import SPLIT_FOLDERS
from kapps.data.sources import Collection, Source
from kapps.errors import DataError, MissingPackageError

OPTIONS = ("data_dir", "download")
HEADER = struct.Struct("<Q4x")  # TFRecord: length of the record, its checksum; 4 bytes follow it
FOOTER = 4


def open_tfds(name: str, uri: str) -> Collection:
    """Open NAME, NAME/config or NAME:version, with ?data_dir=DIR and ?download=1 as options.

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
    return _collect(builder, uri)


def _collect(builder, uri: str) -> Collection:
    from tensorflow_datasets import features as kinds

    features = builder.info.features
    image = [key for key, kind in features.items() if isinstance(kind, kinds.Image)]
    label = [key for key, kind in features.items() if isinstance(kind, kinds.ClassLabel)]
    if supervised := builder.info.supervised_keys:
        image = [key for key in image if key == supervised[0]] or image
        label = [key for key in label if key == supervised[1]] or label
    if not image or not label:
        found = ", ".join(features)
        raise DataError(f"{uri} has no picture or no class label among its features ({found}).")
    parts = {}
    for split, info in builder.info.splits.items():
        known = SPLIT_FOLDERS.get(split)  # others, such as "unlabelled", cannot be learned from
        if known is None or known in parts or not info.num_examples:
            continue
        records = Records([os.fspath(path) for path in info.filepaths], image[0])
        labels = records.labels(label[0])
        names = [f"{builder.name}/{split}[{i}]" for i in range(len(records))]
        parts[known] = Source(records, labels, names)
    if not parts:
        found = ", ".join(builder.info.splits)
        raise DataError(f"{uri} has examples neither to train, validate nor test on ({found}).")
    names = features[label[0]].names
    return Collection(uri, parts, tuple(names))


class Records(Sequence):
    """The pictures in TFRecord files: bytes of the i-th image, as it was stored.

    The position of each record is read once, so that any picture can be had at any time: true
    shuffling, and an epoch that can be repeated, without holding the data set in memory.

    Raises:
        DataError: a file is cut short or not a TFRecord file.
    """

    def __init__(self, paths: Sequence[str], key: str):
        self.paths, self.key = paths, key
        self.places: list[tuple[int, int, int]] = []  # file, offset, length
        for number, path in enumerate(paths):
            size = Path(path).stat().st_size
            with open(path, "rb") as file:
                offset = 0
                while offset < size:
                    header = file.read(HEADER.size)
                    length = HEADER.unpack(header)[0] if len(header) == HEADER.size else size
                    start, offset = offset + HEADER.size, offset + HEADER.size + length + FOOTER
                    if offset > size:
                        raise DataError(f"{path} is cut short; prepare the data set again.")
                    self.places.append((number, start, length))
                    file.seek(offset)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, i: int) -> bytes:
        return self._example(i)[self.key].bytes_list.value[0]

    def labels(self, key: str) -> np.ndarray:
        """The integer feature `key` of every record, int64 [N]."""
        count = len(self)
        return np.fromiter(
            (self._example(i)[key].int64_list.value[0] for i in range(count)), np.int64
        )

    def _example(self, i: int):
        from tensorflow.train import Example

        number, start, length = self.places[i]
        with open(self.paths[number], "rb") as file:
            file.seek(start)
            return Example.FromString(file.read(length)).features.feature
