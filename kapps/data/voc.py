"""Data sets in the form of PASCAL VOC: a folder with JPEGImages/ and Annotations/.

    FOLDER/JPEGImages/NAME.jpg
    FOLDER/Annotations/NAME.xml
    FOLDER/ImageSets/Main/train.txt, val.txt, test.txt    names, one a line; may be missing
    FOLDER/classes.txt                                    one class a line; may be missing

VOC counts pixels from 1 and includes the last one (development kit, section "bounding boxes"): the
box that covers a photo of 640 pixels goes from 1 to 640. Edges are then xmin - 1 and xmax. Boxes
that are marked difficult are kept apart, as VOC judges.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from kapps.data import boxes, images
from kapps.data.folders import SUFFIXES
from kapps.data.sources import SPLITS, Collection
from kapps.errors import DataError, MissingFileError


def open_voc(path: str, uri: str) -> Collection:
    """Read a folder of VOC; its classes are those of classes.txt, else the sorted names of boxes.

    Raises:
        MissingFileError: no such folder, or no Annotations/ in it.
        DataError: a file that cannot be read, or a class that classes.txt does not have.
    """
    root = Path(path).expanduser()
    folder = root / "Annotations"
    if not folder.is_dir():
        raise MissingFileError(f"{folder} does not exist; voc: takes the folder that holds it.")
    pictures, twins = _pictures(root)
    parts: dict[str, tuple[list[boxes.Photo], boxes.Skipped]] = {}
    found: dict[str, None] = {}
    for split, names in _splits(root, folder, pictures).items():
        photos, skipped, twins = [], twins, []  # told once, with the first part
        for name in names:
            file = folder / f"{name}.xml"
            if not file.is_file():
                skipped.append((name, f"{file} does not exist"))
            elif name not in pictures:
                skipped.append((name, f"no picture of that name in {root / 'JPEGImages'}"))
            else:
                photos.append((pictures[name], name, _read(file)))
        parts[split] = photos, skipped
        found.update({row[0]: None for *_, (_, rows) in photos for row in rows})
    classes = boxes.read_names(root) or sorted(found)
    index = {name: i for i, name in enumerate(classes)}
    if unknown := sorted(set(found) - set(index)):
        raise DataError(
            f"{uri} has boxes of {unknown[0]!r}, which {root}/classes.txt does not name."
        )
    return boxes.collection(
        uri,
        {
            split: boxes.source((_photo(*row, index) for row in photos), skipped)
            for split, (photos, skipped) in parts.items()
        },
        classes,
    )


def _pictures(root: Path) -> tuple[dict[str, Path], boxes.Skipped]:
    folder = root / "JPEGImages"
    if not folder.is_dir():
        raise MissingFileError(f"{folder} does not exist; voc: takes the folder that holds it.")
    files = sorted(file for file in folder.iterdir() if file.suffix.casefold() in SUFFIXES)
    return boxes.by_name(folder, files)


def _splits(root: Path, folder: Path, pictures: dict[str, Path]) -> dict[str, list[str]]:
    """The names in each part; all of the folder where it is not divided."""
    lists = root / "ImageSets" / "Main"
    files = {split: lists / f"{split}.txt" for split in SPLITS}
    listed = {
        split: [line.split()[0] for line in boxes.read_lines(file) if line]
        for split, file in files.items()
        if file.is_file()
    }
    if listed:
        return listed
    return {"all": sorted({file.stem for file in folder.glob("*.xml")} | set(pictures))}


def _read(file: Path) -> tuple[tuple[int, int] | None, list[tuple[str, list[float], bool, str]]]:
    """(width, height) where the file says so, and (class, box, difficult, text) of each box."""
    try:
        tree = ElementTree.parse(file).getroot()
        size = tree.find("size")
        sides = (
            tuple(int(float(size.findtext(side, "0"))) for side in ("width", "height"))
            if (size is not None)
            else (0, 0)
        )
        rows = []
        for thing in tree.iter("object"):
            box = thing.find("bndbox")
            text = [box.findtext(key, "nan") for key in ("xmin", "ymin", "xmax", "ymax")]
            left, top, right, bottom = (float(value) for value in text)
            difficult = thing.findtext("difficult", "0").strip() == "1"
            name = (thing.findtext("name") or "").strip()
            rows.append((name, [left - 1, top - 1, right, bottom], difficult, " ".join(text)))
    except (ElementTree.ParseError, ArithmeticError, ValueError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{file} is not an annotation of VOC ({reason}).") from error
    if any(not name for name, *_ in rows):
        raise DataError(f"{file} has a box without a name.")
    return (sides if all(side > 0 for side in sides) else None), rows


def _photo(picture: Path, name: str, read: tuple, index: dict[str, int]) -> boxes.Photo:
    size, rows = read
    if size is None:
        size = images.size_of(images.peek(picture))
    photo = boxes.Photo(picture, name, size)
    for label, box, difficult, text in rows:
        photo.add(box, index[label], f"{label} {text}", difficult)
    return photo
