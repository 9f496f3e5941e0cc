"""Data sets that are arrays: scikit-learn's digits and .npz files."""

import zipfile
from pathlib import Path

import numpy as np

from kapps.data.sources import Collection, Source
from kapps.data.texts import Numbered
from kapps.errors import DataError, MissingFileError, MissingPackageError

LAYOUTS = (  # keys of images, keys of labels, split
    ("images", "labels", "all"),
    ("x_train", "y_train", "train"),
    ("x_val", "y_val", "val"),
    ("x_test", "y_test", "test"),
)


def open_digits(uri: str) -> Collection:
    """scikit-learn's 1797 real handwritten digits, 8x8 grey, its values 0..16 scaled to 0..255.

    Raises:
        MissingPackageError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise MissingPackageError("digits needs scikit-learn; pip install scikit-learn.") from None
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    names = Numbered("digits", len(images))
    source = Source(images, digits.target.astype(np.int64), names)
    classes = tuple(str(name) for name in digits.target_names)
    # The strokes touch the border of the picture: nothing is cropped.
    return Collection(uri, {"all": source}, classes, crop_pct=1.0)


def open_npz(path: str, uri: str, annotation: str = "class") -> Collection:
    """Read images/labels or x_train, y_train, x_val, y_val, x_test, y_test, and class_names.

    Images are uint8, or floats within [0, 1] or [0, 255], of shape [N, H, W] or [N, H, W, C] with
    1, 3 or 4 channels. Such pictures are cut already: by default, nothing is cropped.

    Labels are, by annotation, "class": integers [N]; "labels": 0 and 1 of any type [N, classes],
    or class numbers [N]; "values": finite numbers [N] or [N, n], and class_names may name them.

    Raises:
        MissingFileError: `path` does not exist.
        DataError: not an .npz file, or keys, shapes or values are none of these.
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise MissingFileError(f"{path} does not exist; check the path.")
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        with archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} is not a readable .npz file of plain arrays ({reason})."
        ) from error
    parts = {
        split: _part(arrays[images], arrays[labels], images, labels, path, annotation)
        for images, labels, split in LAYOUTS
        if images in arrays and labels in arrays
    }
    if not parts or ("all" in parts and len(parts) > 1):
        keys = ", ".join(sorted(arrays)) or "nothing"
        raise DataError(
            f"{path} holds {keys}; expected images and labels, or x_train, y_train, x_test, y_test."
        )
    names = tuple(str(name) for name in arrays.get("class_names", np.array(())).ravel())
    if annotation == "class" or all(part.labels.ndim == 1 for part in parts.values()):
        most = max(int(part.labels.max()) for part in parts.values())
        classes = names or tuple(str(i) for i in range(most + 1))
        if most >= len(classes):
            raise DataError(f"{path} has label {most} but only {len(classes)} class_names.")
        return Collection(uri, parts, classes, named=bool(names), crop_pct=1.0)
    widths = {part.labels.shape[-1] for part in parts.values()}
    if len(widths) > 1 or (names and widths != {len(names)}):
        found = ", ".join(map(str, sorted(widths)))
        raise DataError(
            f"{path} has labels of {found} columns and {len(names)} class_names; expected a name "
            "for each column, the same in every part."
        )
    width = widths.pop()
    numbers = ("value",) if width == 1 else tuple(f"value{i}" for i in range(width))
    plain = numbers if annotation == "values" else tuple(str(i) for i in range(width))
    named = bool(names) or annotation == "values"
    classes = names or plain
    return Collection(uri, parts, classes, named, crop_pct=1.0, annotation=annotation)


def _part(
    images: np.ndarray, labels: np.ndarray, key: str, label_key: str, path: str, annotation: str
) -> Source:
    where = f"{path}: {key}"
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] not in (1, 3, 4)):
        raise DataError(f"{where} has shape {images.shape}; expected [N, H, W] or [N, H, W, C].")
    labels = CHECKS[annotation](labels, f"{path}: {label_key}")
    if len(images) != len(labels):
        raise DataError(f"{where} holds {len(images)} images for {len(labels)} labels.")
    if not len(images):
        raise DataError(f"{where} is empty; expected at least one image.")
    if labels.dtype == np.int64 and labels.min() < 0:
        worst = int(labels.argmin())
        raise DataError(f"{path}: {label_key}[{worst}] is {labels[worst]}, but labels start at 0.")
    names = Numbered(key, len(images))
    return Source(_to_uint8(images, where), labels, names)


def _class_numbers(labels: np.ndarray, where: str) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{where} is {labels.dtype} of shape {labels.shape}; expected integers [N]."
        )
    return labels.astype(np.int64)


def _zeros_and_ones(labels: np.ndarray, where: str) -> np.ndarray:
    if labels.ndim == 1 and labels.dtype.kind in "iu":
        return _class_numbers(labels, where)
    if labels.ndim != 2 or not labels.shape[1] or labels.dtype.kind not in "biuf":
        raise DataError(
            f"{where} is {labels.dtype} of shape {labels.shape}; expected 0 and 1 [N, classes] for "
            "several labels a picture."
        )
    if (wrong := labels[(labels != 0) & (labels != 1)]).size:
        raise DataError(f"{where} holds {wrong[0]}; expected 0 and 1 for several labels a picture.")
    return labels.astype(np.uint8)


def _numbers(labels: np.ndarray, where: str) -> np.ndarray:
    if labels.ndim not in (1, 2) or 0 in labels.shape[1:] or labels.dtype.kind not in "biuf":
        raise DataError(
            f"{where} is {labels.dtype} of shape {labels.shape}; expected numbers [N] or [N, n]."
        )
    rows = labels.reshape(len(labels), -1).astype(np.float32)
    if len(bad := np.argwhere(~np.isfinite(rows))):
        row, column = bad[0]
        raise DataError(
            f"{where}[{row}] holds {rows[row, column]}; expected finite numbers within float32."
        )
    return rows


# How the labels of a picture are read, by annotation: int64 [N], uint8 or float32 [N, n].
CHECKS = {"class": _class_numbers, "labels": _zeros_and_ones, "values": _numbers}


def _to_uint8(images: np.ndarray, where: str) -> np.ndarray:
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind not in "iuf":
        raise DataError(f"{where} is {images.dtype}; expected uint8 or float images.")
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 255):  # also catches NaN
        raise DataError(f"{where} has values in [{low}, {high}]; expected [0, 1] or [0, 255].")
    scale = 255 if images.dtype.kind == "f" and high <= 1 else 1
    return np.rint(images * scale).astype(np.uint8)
