"""Look at a data set, check it, or write it as shards.

kapps data preview folder:photos
kapps data check folder:photos
kapps data shard folder:imagenet --out shards/imagenet
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting
from kapps.errors import SettingsError

ACTIONS = ("preview", "check", "shard")
SHOWN = 20  # rows of a list; the JSON has all
EXAMPLES = 3  # pictures named with a finding
NAMED = 6  # boxes of a picture up to which each bears its class


@dataclass(frozen=True)
class Settings:
    """What to do, and with which data."""

    action: str = setting(help="what to do", choices=ACTIONS, positional=True)
    data: str = setting(
        help="digits, folder:PATH, tfds:NAME, csv:PATH, npz:PATH, shards:FOLDER, coco:FILE, "
        "voc:FOLDER, yolo:FILE, masks:FOLDER",
        positional=True,
    )
    out: str | None = setting(
        None, "preview: the picture to write (DATA-preview.png); shard: the folder to write into"
    )
    augment: str = setting("default", "preview: what training would do to the pictures")
    size: int = setting(128, "preview: pixels of the network's input")
    count: int = setting(12, "preview: pictures shown, spread over the classes")
    validation: float = setting(0.2, "check: share set aside, where the data is not divided")
    pictures: int | None = setting(None, "shard: pictures in each; without, as many as make 100 MB")
    seed: int = setting(0, "shard: of the order of the pictures")
    json: bool = setting(False, "print JSON instead of tables")


def run(settings: Settings) -> dict:
    """Do the action, print what came of it, and return that, of `check` with the number of errors.

    Raises:
        DataError, MissingFileError: no such data, or it cannot be used.
        SettingsError: a setting is missing or out of range.
    """
    return {"preview": _preview, "check": _check, "shard": _shard}[settings.action](settings)


def _preview(settings: Settings) -> dict:
    from kapps import data
    from kapps.data import contact

    if settings.count < 1 or settings.size < 1:
        raise SettingsError(f"count={settings.count}, size={settings.size}: give numbers above 0.")
    found = data.find(settings.data, None)
    name = Path(settings.data.rpartition(":")[2].partition("?")[0]).name or "data"
    out = Path(settings.out or f"{name}-preview.png")
    shown = contact.write_sheet(
        found, out, settings.augment, settings.size, settings.count, settings.seed,
        _drawer(found),
    )  # fmt: skip
    result = {"data": settings.data, "out": str(out), "shown": shown}
    if settings.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return result
    print(f"{len(shown)} pictures as they are, and what augment={settings.augment} makes of them")
    print(f"next: kapps data check {settings.data}")
    print(out)
    return result


def _drawer(found) -> Callable | None:
    """Draws what is known of a picture: boxes with their classes, or the colours of a mask."""
    if found.annotation == "mask":
        from kapps.segmentation import painting

        return painting.over
    if found.annotation != "boxes":
        return None
    from kapps.detection import drawing

    def draw(picture, marks):
        shares, labels = marks
        few = len(labels) <= NAMED
        return drawing.draw(
            picture,
            shares * [*picture.size, *picture.size],
            [found.classes[number] if few else "" for number in labels],
            [drawing.colour(number) for number in labels],
        )

    return draw


def _check(settings: Settings) -> dict:
    from kapps import data
    from kapps.data import checking
    from kapps.training import progress

    if not 0 <= settings.validation < 1:
        raise SettingsError(f"validation={settings.validation} is not in [0, 1).")
    found = data.find(settings.data, None)
    count = sum(len(part) for part in found.parts.values())
    with progress.bar(f"checking {settings.data}", count) as advance:
        result = checking.check(found, settings.validation, advance)
    errors = sum(row["level"] == "error" for row in result["findings"])
    result = {"data": settings.data, "errors": errors, **result}
    if settings.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        _print_check(result)
    return result


def _print_check(result: dict) -> None:
    from kapps.recipes import _tables

    parts = list(result["parts"])
    rows = sorted(result["classes"], key=lambda row: row["pictures"])
    shown = rows if len(rows) <= SHOWN else rows[: SHOWN // 2] + rows[-(SHOWN // 2) :]
    _tables.print_table(
        ("class", *(f">{part}" for part in parts)),
        [(row["name"], *(row[part] for part in parts)) for row in shown],
        title=f"{len(shown)} of {len(rows)} classes, the smallest first"
        + (", in boxes" if "boxes" in result else ""),
    )
    formats = ", ".join(f"{count} {name}" for name, count in result["formats"].items())
    sides = "; ".join(
        f"{side} {low} to {high}, half below {middle}"
        for side, (low, middle, high) in result["sizes"].items()
    )
    print(f"{result['pictures']} pictures, {result['bytes'] / 1e6:.1f} MB: {formats}")
    print(sides)
    if "boxes" in result:
        least, middle, most = (f"{100 * x:.0f}" for x in result["box_width"])
        low, half, high = (f"{x:g}" for x in result["boxes_a_picture"])
        print(
            f"{result['boxes']} boxes, {low} to {high} a picture, half below {half}; {least} to "
            f"{most} % of the width, half below {middle}"
        )
    for row in result["findings"]:
        print(f"{row['level']}: {row['sentence']}")
        print(f"    cure: {row['cure']}")
        for one in row["pictures"][:EXAMPLES]:
            print(f"    {one if isinstance(one, str) else ' = '.join(one)}")
        if (more := len(row["pictures"]) - EXAMPLES) > 0:
            print(f"    and {more} more; --json names all")
    if result["errors"]:
        print(f"next: cure the {result['errors']} errors, then check again")
        return
    if not result["findings"]:
        print("nothing wrong was found")
    print(f"next: kapps finetune --data {result['data']} --out runs/first")


def _shard(settings: Settings) -> dict:
    from kapps import data
    from kapps.data import sharding
    from kapps.training import progress

    if settings.out is None:
        raise SettingsError("--out is missing: the folder to write the shards into.")
    if settings.pictures is not None and settings.pictures < 1:
        raise SettingsError(f"pictures={settings.pictures} is not a whole number above 0.")
    if settings.seed < 0:
        raise SettingsError(f"seed={settings.seed} is not a whole number from 0.")
    found = data.find(settings.data)
    count = sum(len(part) for part in found.parts.values())
    with progress.bar(f"writing {settings.out}", count) as advance:
        result = sharding.write_shards(
            found, settings.out, pictures=settings.pictures, seed=settings.seed, advance=advance
        )
    result = {**result, "data": settings.data, "out": settings.out}
    if settings.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return result
    from kapps.recipes import _tables

    _tables.print_table(
        ("part", ">pictures", ">shards", ">MB"),
        [
            (part, row["pictures"], row["shards"], f"{row['bytes'] / 1e6:.1f}")
            for part, row in result["parts"].items()
        ],
    )
    for row in result["left_out"][:SHOWN]:
        print(f"left out {row['image']}: {row['reason']}")
    if (more := len(result["left_out"]) - SHOWN) > 0:
        print(f"left out {more} more; --json names all")
    whole = sum(row["shards"] for row in result["parts"].values())
    there = whole - result["written"]
    print(f"{result['written']} shards written" + (f", {there} were there" if there else ""))
    print(f"next: kapps train --model ResNet50 --data shards:{settings.out}")
    print(Path(settings.out))
    return result


if __name__ == "__main__":
    sys.exit(main(Settings, run))
