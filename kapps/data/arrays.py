"""Data sets that are arrays: scikit-learn's digits and .npz files."""

import zipfile
from pathlib import Path

import numpy as np

from kapps.data.sources import Collection, Source
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
    names = [f"digits[{i}]" for i in range(len(images))]
    source = Source(images, digits.target.astype(np.int64), names)
    classes = tuple(str(name) for name in digits.target_names)
    # The strokes touch the border of the picture: nothing is cropped.
    return Collection(uri, {"all": source}, classes, crop_pct=1.0)


def open_npz(path: str, uri: str) -> Collection:
    """Read images/labels or x_train, y_train, x_val, y_val, x_test, y_test, and class_names.

    Images are uint8, or floats within [0, 1] or [0, 255], of shape [N, H, W] or [N, H, W, C] with
    1, 3 or 4 channels; labels are integers [N]. Such pictures are cut already: by default, nothing
    is cropped.

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
        split: _part(arrays[images], arrays[labels], images, labels, path)
        for images, labels, split in LAYOUTS
        if images in arrays and labels in arrays
    }
    if not parts or ("all" in parts and len(parts) > 1):
        keys = ", ".join(sorted(arrays)) or "nothing"
        raise DataError(
            f"{path} holds {keys}; expected images and labels, or x_train, y_train, x_test, y_test."
        )
    most = max(int(part.labels.max()) for part in parts.values())
    if "class_names" not in arrays:
        classes = tuple(str(i) for i in range(most + 1))
        return Collection(uri, parts, classes, named=False, crop_pct=1.0)
    classes = tuple(str(name) for name in arrays["class_names"].ravel())
    if most >= len(classes):
        raise DataError(f"{path} has label {most} but only {len(classes)} class_names.")
    return Collection(uri, parts, classes, crop_pct=1.0)


def _part(images: np.ndarray, labels: np.ndarray, key: str, label_key: str, path: str) -> Source:
    where = f"{path}: {key}"
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] not in (1, 3, 4)):
        raise DataError(f"{where} has shape {images.shape}; expected [N, H, W] or [N, H, W, C].")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {label_key} is {labels.dtype} of shape {labels.shape}; expected integers [N]."
        )
    if len(images) != len(labels):
        raise DataError(f"{where} holds {len(images)} images for {len(labels)} labels.")
    if not len(images):
        raise DataError(f"{where} is empty; expected at least one image.")
    labels = labels.astype(np.int64)
    if labels.min() < 0:
        worst = int(labels.argmin())
        raise DataError(f"{path}: {label_key}[{worst}] is {labels[worst]}, but labels start at 0.")
    names = [f"{key}[{i}]" for i in range(len(images))]
    return Source(_to_uint8(images, where), labels, names)


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
