"""Fetch published weights in advance, and list, verify or clear the files that are here.

kapps weights fetch MobileNetV2 timm/efficientnet_lite0.ra_in1k
kapps weights list 'MobileNet*'
kapps weights verify
kapps weights clear MobileNetV2
"""

import dataclasses
import fnmatch
import json
import sys
from dataclasses import dataclass

from kapps.cli.settings import main, setting
from kapps.errors import WeightsError
from kapps.recipes import _tables, _weight_files
from kapps.recipes._weight_files import File

ACTIONS = ("fetch", "list", "verify", "clear")


@dataclass(frozen=True)
class Settings:
    """What to do, and with which weights."""

    action: str = setting(help="what to do", choices=ACTIONS, positional=True)
    names: tuple[str, ...] = setting(
        (), "applications or tags, with wildcards if you like: 'MobileNet*'", positional=True
    )
    include_top: bool = setting(True, "fetch, list: the file with the classifier, else without")
    variants: bool = setting(False, "fetch, list: every width and size, not only the default")
    all: bool = setting(False, "clear: everything")
    json: bool = setting(False, "print JSON instead of a table")


def run(settings: Settings) -> list[File]:
    """Do the action, print what came of it, and return the files it was about.

    Raises:
        WeightsError: a name is unknown, nothing was named, or a file is damaged.
        DownloadError: a file could not be fetched.
    """
    act = {"fetch": _fetch, "list": _list, "verify": _verify, "clear": _clear}[settings.action]
    return act(settings)


def _fetch(settings: Settings) -> list[File]:
    from kapps.weights import sources

    if not settings.names:
        raise WeightsError("which weights to fetch? Name applications or tags, see `kapps list`.")
    done = []
    for row in _chosen(settings, only_default_tag=True):
        sources.fetch(row)
        done.append(_weight_files.of_row(row))
    _print(settings, done, f"{len(done)} {_files(done)} ready, {_megabytes(done)}")
    return done


def _list(settings: Settings) -> list[File]:
    rows = _chosen(settings)
    found = [_weight_files.of_row(row) for row in rows]
    if not settings.names:
        listed = {file.path for file in found}
        found += [file for file in _weight_files.cached() if file.path not in listed]
    here = [file for file in found if file.is_here]
    more = "" if settings.variants else "; --variants shows every width and size"
    _print(settings, found, f"{len(here)} of {len(found)} here, {_megabytes(here)}{more}")
    return found


def _verify(settings: Settings) -> list[File]:
    """Hash every file again; the marker's digest serves where the publisher gives none."""
    from kapps.weights import cache, catalog

    hashes = {row.url: row.hash for row in catalog.CHECKPOINTS}
    done = []
    for file in _named(settings, _weight_files.cached() + _weight_files.installed()):
        digests = cache.digests_of(file.path)
        marker = cache.read_marker(file.path, unchanged=False)
        recorded = f"sha256:{marker['sha256']}" if marker else None
        expected = hashes.get(file.url) or recorded
        state = "good" if cache.matches(expected, digests) else "damaged"
        if expected is None:
            state = "unchecked"
        elif state == "good" and file.state != "installed":
            cache.write_marker(file.path, file.url, digests)
        done.append(dataclasses.replace(file, state=state))
    damaged = [file for file in done if file.state == "damaged"]
    _print(settings, done, f"{len(done)} {_files(done)} hashed, {len(damaged)} damaged")
    if damaged:
        names = ", ".join(file.name for file in damaged)
        raise WeightsError(f"damaged: {names}; clear them, and the next use fetches them again.")
    return done


def _clear(settings: Settings) -> list[File]:
    from kapps.weights import cache

    if bool(settings.names) == settings.all:
        raise WeightsError("which files to clear? Name applications or tags, or give --all.")
    # What kapps neither fetched nor knows is somebody else's.
    files = _named(settings, _weight_files.cached())
    files = [file for file in files if file.application or file.state == "cached"]
    freed = sum(cache.remove(file.path) for file in files)
    if settings.all:
        freed += cache.remove_leftovers()
    gone = [dataclasses.replace(file, state="removed") for file in files]
    _print(settings, gone, f"{len(gone)} {_files(gone)} removed, {freed / 1e6:.1f} MB freed")
    return gone


def _chosen(settings: Settings, only_default_tag: bool = False) -> list:
    """The rows of the catalog that the names mean, application by application; all for no names.

    Args:
        only_default_tag: whether the name of an application means the weights that it loads by
            default, and not those of its other tags.

    Raises:
        WeightsError: a name means nothing.
    """
    from kapps.errors import did_you_mean
    from kapps.weights import catalog

    chosen = {}
    for name in settings.names or ("*",):
        rows = [row for row in catalog.CHECKPOINTS if _means(name, row.application, row.tag)]
        if name == "imagenet":
            raise WeightsError("'imagenet' is a tag of every application; name the applications.")
        if not rows:
            known = {word for row in catalog.CHECKPOINTS for word in (row.application, row.tag)}
            known.discard("imagenet")
            guess = did_you_mean(name, known, otherwise="; `kapps weights list` shows them all.")
            raise WeightsError(f"{name!r} is neither an application with weights nor a tag{guess}")
        if only_default_tag:
            rows = [
                row
                for row in rows
                if row.tag == catalog.tags(row.application)[0] or _means(name, None, row.tag)
            ]
        chosen |= dict.fromkeys(_defaults(rows, settings))
    order = list(dict.fromkeys(row.application for row in catalog.CHECKPOINTS))
    return sorted(chosen, key=lambda row: order.index(row.application))


def _defaults(rows: list, settings: Settings) -> list:
    """With or without top, and of each tag the default variant alone unless all are wanted."""
    tops = {(row.application, row.tag) for row in rows if row.include_top == settings.include_top}
    seen, kept = set(), []
    for row in rows:
        key = (row.application, row.tag)
        fits = row.include_top == settings.include_top or key not in tops
        if fits and (settings.variants or key not in seen):
            seen.add(key)
            kept.append(row)
    return kept


def _means(name: str, application: str | None, tag: str | None) -> bool:
    """Whether a name typed by a person covers this application and tag."""
    words = (application, tag) if tag != "imagenet" else (application,)
    return any(word and fnmatch.fnmatchcase(word.lower(), name.lower()) for word in words)


def _named(settings: Settings, files: list[File]) -> list[File]:
    """The files that the names cover; all of them for no names."""
    if not settings.names:
        return files
    _chosen(settings)  # refuses names that mean nothing
    return [
        file
        for file in files
        if any(_means(name, file.application, file.tag) for name in settings.names)
    ]


def _files(files: list) -> str:
    return "file" if len(files) == 1 else "files"


def _megabytes(files: list[File]) -> str:
    return f"{sum(file.bytes or 0 for file in files) / 1e6:.1f} MB"


def _print(settings: Settings, files: list[File], summary: str) -> None:
    if settings.json:
        rows = [dataclasses.asdict(f) | {"path": f.path and str(f.path)} for f in files]
        print(json.dumps(rows, indent=2))
        return
    if files:
        _tables.print_table(
            ("weights", "arguments", ">size", "state", ">MB"),
            [
                (
                    file.name,
                    ", ".join(f"{k}={v}" for k, v in file.arguments.items()) or "-",
                    file.input_size or "-",
                    file.state,
                    "-" if file.bytes is None else f"{file.bytes / 1e6:.1f}",
                )
                for file in files
            ],
        )
    from kapps.weights import cache

    print(f"{summary}; the cache is {cache.weights_folder()}")


if __name__ == "__main__":
    sys.exit(main(Settings, run))
