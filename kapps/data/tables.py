"""CSV tables with the columns path and label."""

import csv
import io
import re
from pathlib import Path

import numpy as np

from kapps.data.folders import SPLIT_FOLDERS
from kapps.data.sources import Collection, Source
from kapps.errors import DataError, MissingFileError

INTEGER = re.compile(r"^\d+$")


def open_csv(path: str, uri: str) -> Collection:
    """Read a table with a header and the columns path and label, and optionally split.

    Paths are relative to the folder of the table. Labels are names, or numbers: when all are
    numbers they are sorted as such and, where a model's classes are given, taken as indices.
    A column split holds train, val or test. Comma, semicolon and tab separate columns.

    Raises:
        MissingFileError: `path` does not exist.
        DataError: with the line number: a column is missing, a cell is empty, a file is missing.
    """
    table = Path(path).expanduser()
    if not table.exists():
        raise MissingFileError(f"{path} does not exist; check the path.")
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a readable UTF-8 table ({error}).") from error
    rows = _rows(text, path)
    if not rows:
        raise DataError(f"{path} has no rows; expected a path and a label on each line.")
    labels = {label for _, _, label, _ in rows}
    numbers = all(INTEGER.match(label) for label in labels)
    classes = tuple(sorted(labels, key=int) if numbers else sorted(labels))
    index = {name: i for i, name in enumerate(classes)}
    files: dict[str, list[tuple[str, str, int]]] = {}
    for line, name, label, split in rows:
        file = table.parent / Path(name).expanduser()
        if not file.is_file():
            raise DataError(f"{path} line {line}: {name} does not exist in {table.parent}.")
        files.setdefault(split, []).append((str(file), name, index[label]))
    parts = {
        split: Source(
            [file for file, _, _ in listed],
            np.array([label for _, _, label in listed], np.int64),
            [name for _, name, _ in listed],
        )
        for split, listed in files.items()
    }
    return Collection(uri, parts, classes, named=not numbers)


def _rows(text: str, path: str) -> list[tuple[int, str, str, str]]:
    """(line number, path, label, split) of each row."""
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [cell.strip().casefold() for cell in next(reader, [])]
    for column in ("path", "label"):
        if column not in header:
            found = ", ".join(header) or "nothing"
            raise DataError(f"{path} line 1: no column {column!r} in the header (found {found}).")
    rows = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) < len(header):
                raise DataError(
                    f"{path} line {reader.line_num}: {len(cells)} cells, expected {len(header)}."
                )
            row = {column: cell.strip() for column, cell in zip(header, cells, strict=False)}
            for column in ("path", "label"):
                if not row[column]:
                    raise DataError(f"{path} line {reader.line_num}: {column} is empty.")
            split = "all"
            if "split" in row:
                split = SPLIT_FOLDERS.get(row["split"].casefold(), "")
                if not split:
                    raise DataError(
                        f"{path} line {reader.line_num}: split {row['split']!r} is not "
                        "train, val or test."
                    )
            rows.append((reader.line_num, row["path"], row["label"], split))
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num}: {error}.") from error
    return rows
