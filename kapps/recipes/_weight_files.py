"""Files of published weights: where they are, or would be."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class File:
    """A published file, or one that lies in the cache.

    Attributes:
        application, tag, include_top, arguments, input_size: as in the catalog; None for a file
            that no row of it names.
        url: where it comes from.
        path: where it is, or would be; None for a package that is not installed, and on the hub.
        bytes: its size if it is here.
        state: "missing", "installed" (in a Python package), "cached" (its hash was checked once),
            "unchecked", "good" or "damaged" after `verify`, "removed" after `clear`.
    """

    application: str | None
    tag: str | None
    include_top: bool | None
    arguments: dict[str, object]
    input_size: int | None
    url: str
    path: Path | None
    bytes: int | None
    state: str

    @property
    def is_here(self) -> bool:
        return self.state != "missing"

    @property
    def name(self) -> str:
        """How people would call it."""
        if self.application is None:
            return self.url
        return f"{self.application} {self.tag}" + ("" if self.include_top else " (no top)")


def of_row(row) -> File:
    """The file of a row of the catalog."""
    from kapps.weights import cache, sources

    path = sources.locate(row)
    is_elsewhere = row.url.startswith(("pip://", "hf://"))
    found = "installed" if row.url.startswith("pip://") else "cached"
    return File(
        application=row.application,
        tag=row.tag,
        include_top=row.include_top,
        arguments=dict(row.arguments),
        input_size=row.input_size,
        url=row.url,
        path=path or (None if is_elsewhere else cache.path_of(row.url)),
        bytes=path.stat().st_size if path else None,
        state=found if path else "missing",
    )


def installed() -> list[File]:
    """The files in Python packages that are installed."""
    from kapps.weights import catalog

    packaged = [row for row in catalog.CHECKPOINTS if row.url.startswith("pip://")]
    return [file for file in map(of_row, packaged) if file.is_here]


def cached() -> list[File]:
    """Every file of the cache, also those that the catalog does not name."""
    from kapps.weights import cache, catalog

    rows = {
        cache.path_of(address): row
        for row in catalog.CHECKPOINTS
        for address in (row.url, *row.mirrors)
        if not address.startswith(("pip://", "hf://"))
    }
    found = []
    for path in cache.cached_files():
        marker = cache.read_marker(path)
        row = rows.get(path)
        found.append(
            File(
                application=row and row.application,
                tag=row and row.tag,
                include_top=row and row.include_top,
                arguments=dict(row.arguments) if row else {},
                input_size=row and row.input_size,
                url=marker["url"] if marker else (row.url if row else path.as_posix()),
                path=path,
                bytes=path.stat().st_size,
                state="cached" if marker else "unchecked",
            )
        )
    return found
