"""CSV tables with a column path, and one label, several labels or numbers for each picture."""

import csv
import dataclasses
import io
import math
import re
from pathlib import Path

import numpy as np

from kapps.data.folders import SPLIT_FOLDERS
from kapps.data.sources import Collection, Source
from kapps.data.texts import Texts
from kapps.errors import DataError, MissingFileError

INTEGER = re.compile(r"^\d+$")
OR = "|"  # between the labels in a cell
COLUMNS = "?columns="
FLAGS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


def open_csv(path: str, uri: str, annotation: str = "class") -> Collection:
    """Read a table with a header: the column path, what is known about it, and optionally split.

    Paths are relative to the folder of the table. A column split holds train, val or test. Comma,
    semicolon and tab separate columns. What is known about a picture is, by annotation:

    - "class": the column label. Labels are names, or numbers: when all are numbers they are sorted
      as such and, where a model's classes are given, taken as indices.
    - "labels": a column labels (or label) with names as in `cat|dog`; empty means none, and the
      rows of the same path belong to one picture. Without such a column: a column of 0 and 1 for
      each class, with the name of the class.
    - "values": columns of numbers; their names are those of the outputs.

    Of columns of 0 and 1 and of numbers all count except path and split, or those that the address
    names: `csv:PATH?columns=NAME,NAME`.

    Raises:
        MissingFileError: `path` does not exist.
        DataError: with the line number: a column is missing, a cell is empty or not what it should
            be, a file is missing.
    """
    path, chooses, chosen = path.partition(COLUMNS)
    wanted = [name.strip() for name in chosen.split(",")] if chooses else []
    table = Path(path).expanduser()
    if not table.exists():
        raise MissingFileError(f"{path} does not exist; check the path.")
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a readable UTF-8 table ({error}).") from error
    header, rows = _read(text, path)
    plain = [name.casefold() for name in header]
    cell = next((name for name in ("labels", "label") if name in plain), None)
    if annotation == "class" or (annotation == "labels" and cell and not wanted):
        if wanted:
            raise DataError(f"{uri}: columns= chooses among numbers; one class is in column label.")
        name = "label" if annotation == "class" else cell
        _need(name, plain, path)
        column = plain.index(name)
        read = _read_class if annotation == "class" else _read_labels
        classes, named, rows, labels = read(rows, column, path)
    else:
        columns = _columns(header, wanted, path)
        classes, named = tuple(header[i] for i in columns), True
        convert = _flag if annotation == "labels" else _number
        values = [[convert(row, i, header, path) for i in columns] for row in rows]
        with np.errstate(over="ignore"):  # becomes infinite, and an error below
            labels = np.array(values, np.uint8 if annotation == "labels" else np.float32)
        if not np.isfinite(labels).all():  # of float32
            row, i = np.argwhere(~np.isfinite(labels))[0]
            raise DataError(_no_number(path, rows[row], columns[i], header))
    return Collection(uri, _parts(rows, labels, table, path), classes, named, annotation=annotation)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line: its number, the path as written, its part, and all cells."""

    line: int
    path: str
    split: str
    cells: list[str]


def _read_class(rows: list[Row], column: int, path: str):
    """(classes, whether they are names, rows, labels) of one class a picture."""
    for row in rows:
        if not row.cells[column]:
            raise DataError(f"{path} line {row.line}: label is empty.")
    classes, named = _sorted({row.cells[column] for row in rows})
    index = {name: i for i, name in enumerate(classes)}
    return classes, named, rows, np.array([index[row.cells[column]] for row in rows], np.int64)


def _read_labels(rows: list[Row], column: int, path: str):
    """The same of several; rows of the same picture become one."""
    pictures: dict[str, Row] = {}
    labels: dict[str, set[str]] = {}
    for row in rows:
        first = pictures.setdefault(row.path, row)
        if first.split != row.split:
            raise DataError(
                f"{path} line {row.line}: {row.path} is in split {row.split!r} here and in "
                f"{first.split!r} in line {first.line}; keep one."
            )
        cell = row.cells[column]
        names = [name.strip() for name in cell.split(OR)] if cell else []
        if not all(names):
            raise DataError(
                f"{path} line {row.line}: {cell!r} has an empty label; write cat{OR}dog."
            )
        labels.setdefault(row.path, set()).update(names)
    classes, named = _sorted(set().union(*labels.values()))
    if not classes:
        raise DataError(f"{path} has no label in any row; write names as in cat{OR}dog.")
    rows_of = np.array([[name in labels[key] for name in classes] for key in pictures], np.uint8)
    return classes, named, list(pictures.values()), rows_of


def _sorted(names: set[str]) -> tuple[tuple[str, ...], bool]:
    """The classes in order, and whether they are names and not bare numbers."""
    numbers = all(INTEGER.match(name) for name in names)
    return tuple(sorted(names, key=int) if numbers else sorted(names)), not numbers


def _columns(header: list[str], wanted: list[str], path: str) -> list[int]:
    """Which columns hold flags or numbers."""
    for name in wanted:
        _need(name.casefold(), [column.casefold() for column in header], path)
    folded = [name.casefold() for name in wanted]
    found = [
        i
        for i, name in enumerate(header)
        if name.casefold() not in ("path", "split") and (not wanted or name.casefold() in folded)
    ]
    if not found:
        raise DataError(f"{path} line 1: no column beside path; expected one for each output.")
    names = [header[i] for i in found]
    if twice := [name for name in names if not name or names.count(name) > 1]:
        raise DataError(
            f"{path} line 1: {names.count(twice[0])} columns are called {twice[0]!r}; each is an "
            "output and needs a name of its own."
        )
    return found


def _flag(row: Row, column: int, header: list[str], path: str) -> int:
    if (flag := FLAGS.get(row.cells[column].casefold())) is None:
        raise DataError(
            f"{path} line {row.line}: {header[column]} is {row.cells[column]!r}; expected 0 or 1 "
            f"in a column for each class, or a column labels, or {COLUMNS}NAME,NAME after the path."
        )
    return flag


def _number(row: Row, column: int, header: list[str], path: str) -> float:
    try:
        value = float(row.cells[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(_no_number(path, row, column, header))
    return value


def _no_number(path: str, row: Row, column: int, header: list[str]) -> str:
    return (
        f"{path} line {row.line}: {header[column]} is {row.cells[column]!r}; expected a finite "
        f"number, or choose columns with {COLUMNS}NAME,NAME after the path."
    )


def _parts(rows: list[Row], labels: np.ndarray, table: Path, path: str) -> dict[str, Source]:
    files = []
    for row in rows:
        file = table.parent / Path(row.path).expanduser()
        if not file.is_file():
            raise DataError(f"{path} line {row.line}: {row.path} does not exist in {table.parent}.")
        files.append(str(file))
    splits = np.array([row.split for row in rows])
    return {
        split: _chosen(files, rows, labels, np.flatnonzero(splits == split))
        for split in dict.fromkeys(splits.tolist())
    }


def _chosen(files: list[str], rows: list[Row], labels: np.ndarray, places: np.ndarray) -> Source:
    names = Texts.of(rows[i].path for i in places)
    return Source(Texts.of(files[i] for i in places), labels[places], names)


def _need(column: str, header: list[str], path: str) -> None:
    if column not in header:
        found = ", ".join(header) or "nothing"
        raise DataError(f"{path} line 1: no column {column!r} in the header (found {found}).")


def _read(text: str, path: str) -> tuple[list[str], list[Row]]:
    """The names of the columns, and the rows."""
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        plain = [name.casefold() for name in header]
        _need("path", plain, path)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) < len(header):
                raise DataError(
                    f"{path} line {reader.line_num}: {len(cells)} cells, expected {len(header)}."
                )
            row = [cell.strip() for cell in cells]
            if not (name := row[plain.index("path")]):
                raise DataError(f"{path} line {reader.line_num}: path is empty.")
            split = "all"
            if "split" in plain:
                cell = row[plain.index("split")]
                split = SPLIT_FOLDERS.get(cell.casefold(), "")
                if not split:
                    raise DataError(
                        f"{path} line {reader.line_num}: split {cell!r} is not train, val or test."
                    )
            rows.append(Row(reader.line_num, name, split, row))
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num}: {error}.") from error
    if not rows:
        raise DataError(f"{path} has no rows; expected a path and a label on each line.")
    return header, rows
