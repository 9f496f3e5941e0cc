"""Write a data set as shards.

kapps data shard folder:imagenet --out shards/imagenet
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting
from kapps.errors import SettingsError

ACTIONS = ("shard",)
SHOWN = 20  # rows of a list; the JSON has all


@dataclass(frozen=True)
class Settings:
    """What to do, and with which data."""

    action: str = setting(help="what to do", choices=ACTIONS, positional=True)
    data: str = setting(
        help="digits, folder:PATH, tfds:NAME, csv:PATH, npz:PATH, shards:FOLDER", positional=True
    )
    out: str | None = setting(None, "shard: the folder to write into")
    pictures: int | None = setting(None, "shard: pictures in each; without, as many as make 100 MB")
    seed: int = setting(0, "shard: of the order of the pictures")
    json: bool = setting(False, "print JSON instead of tables")


def run(settings: Settings) -> dict:
    """Do the action, print what came of it, and return that.

    Raises:
        DataError, MissingFileError: no such data, or it cannot be used.
        SettingsError: a setting is missing or out of range.
    """
    return {"shard": _shard}[settings.action](settings)


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
