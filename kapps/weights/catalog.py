"""The one table of published weights: which there are, where they live, how good they are.

No network and no Keras here. `CHECKPOINTS` holds the rows; the first row of an application is its
default. "imagenet" is the tag of Keras's own files, and of the packages; where there are none it is
another name of the first checkpoint with the classes of ImageNet-1k.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from kapps.errors import WeightsError, did_you_mean
from kapps.weights.checkpoint import Checkpoint
from kapps.weights.tables import detectors, hubs, keras_applications, packages, segmenters

DEFAULT = "imagenet"


def complete(published: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """All rows: Keras's, those in packages, `published`, as the hubs have them, detectors' and
    segmenters'."""
    published = list(published)
    first = [*keras_applications.rows(), *packages.rows(), *_lite(published)]
    named = {row.application for row in first}
    dense = (*detectors.rows(), *segmenters.rows())
    return (*first, *_called_imagenet(published, named), *published, *dense)


def _called_imagenet(rows: Iterable[Checkpoint], named: set[str]) -> Iterator[Checkpoint]:
    """For each application not in `named`, the first rows that classify ImageNet-1k.

    One for each choice of arguments.
    """
    seen = set()
    for row in rows:
        key = row.application, row.arguments
        if row.application not in named and row.classes == 1000 and key not in seen:
            seen.add(key)
            yield replace(row, tag=DEFAULT)


def _lite(rows: Iterable[Checkpoint]) -> Iterator[Checkpoint]:
    """EfficientNetLite3 and 4 have no package: their "imagenet" is Google's, as kept by timm.

    It is the network's own preprocessing here, (x - 127) / 128, not timm's nearest one; timm's
    accuracy is therefore that of timm's tag alone.
    """
    for row in rows:
        if row.application in ("EfficientNetLite3", "EfficientNetLite4"):
            own = replace(row, tag=DEFAULT, preprocessing="lite")
            yield replace(own, top1=None, top5=None, protocol=None)


CHECKPOINTS: tuple[Checkpoint, ...] = complete(hubs.rows())


@functools.cache
def _by_application() -> dict[str, tuple[Checkpoint, ...]]:
    found: dict[str, list[Checkpoint]] = {}
    for row in CHECKPOINTS:
        found.setdefault(row.application, []).append(row)
    return {name: tuple(rows) for name, rows in found.items()}


def tags(application: str) -> list[str]:
    """The tags of an application, the default first; empty if nothing is published for it."""
    return list(dict.fromkeys(row.tag for row in _by_application().get(application, ())))


def default(
    application: str, flavor: str, arguments: Mapping[str, object], library: str = ""
) -> str | None:
    """The first tag for this flavor and these arguments, or None.

    Args:
        arguments: all of the application's own.
        library: "timm" or another whose tags go first.
    """
    fitting = [
        row.tag
        for row in _by_application().get(application, ())
        if row.flavor == flavor and dict(row.arguments).items() <= dict(arguments).items()
    ]
    return min(fitting, key=lambda tag: not tag.startswith(f"{library}/"), default=None)


def checkpoint_of(
    application: str, tag: object, flavor: str, arguments: Mapping[str, object]
) -> Checkpoint | None:
    """The first row of a tag in this flavor and for these arguments, or None for no such tag."""
    for candidate in _by_application().get(application, ()):
        fits = dict(candidate.arguments).items() <= dict(arguments).items()
        if fits and (candidate.tag, candidate.flavor) == (tag, flavor):
            return candidate
    return None


def find(
    application: str,
    tag: str,
    include_top: bool = True,
    flavor: str | None = None,
    arguments: Mapping[str, object] | None = None,
    input_size: int | None = None,
    new_head: bool = False,
) -> Checkpoint:
    """The published file for these arguments.

    Args:
        application: its name.
        tag: "imagenet" or "source/recipe".
        include_top: whether a classifier is wanted. Without it, a file that has one is returned
            where none is published without; its reader leaves the classifier out.
        flavor: the flavor asked for; None takes the tag's own.
        arguments: the application's own arguments, such as {"alpha": 0.5}; those left out have
            their defaults.
        input_size: side of the input in pixels; where files were published for several sizes the
            one for this size is taken, and the default one for sizes in between.
        new_head: whether the classifier is one of other classes, so that the file needs none.

    Raises:
        WeightsError: nothing is published for that; the sentence says what is.
    """
    rows = [row for row in _by_application().get(application, ()) if row.tag == tag]
    if not rows:
        raise WeightsError(_unknown_tag(application, tag))
    fitting = _with_arguments(rows, dict(arguments or {}))
    if not fitting:
        raise WeightsError(_unknown_arguments(application, tag, rows, dict(arguments or {})))
    in_flavor = [row for row in fitting if flavor in (None, row.flavor)]
    if not in_flavor:
        raise WeightsError(_other_flavor(application, fitting[0], flavor))
    with_top = [row for row in in_flavor if row.include_top]
    if include_top and not with_top and not new_head:
        raise WeightsError(
            f"weights={tag!r} of {application} hold no classifier; add include_top=False, or "
            "classes= for a new one."
        )
    without_top = [row for row in in_flavor if not row.include_top]
    chosen = (with_top or without_top) if include_top else (without_top or with_top)
    return next((row for row in chosen if row.input_size == input_size), chosen[0])


def _with_arguments(rows: list[Checkpoint], arguments: dict[str, object]) -> list[Checkpoint]:
    """The rows for these arguments; what is not given is as in the first row."""
    wanted = {name: arguments.get(name, value) for name, value in rows[0].arguments}
    return [row for row in rows if dict(row.arguments) == wanted]


def _unknown_tag(application: str, tag: str) -> str:
    known = tags(application)
    if not known:
        return (
            f"weights={tag!r}: nothing is published for {application}; use weights=None or the "
            "path of a file."
        )
    guess = did_you_mean(tag, known)
    return (
        f"weights={tag!r} is neither a file nor a tag of {application}{guess} "
        f"(its tags are {', '.join(known)})."
    )


def _unknown_arguments(
    application: str, tag: str, rows: list[Checkpoint], arguments: dict[str, object]
) -> str:
    names = [name for name, _ in rows[0].arguments if name in arguments]

    def said(values: Mapping[str, object]) -> str:
        return ", ".join(f"{name}={values[name]!r}" for name in names)

    published = " or ".join(dict.fromkeys(said(dict(row.arguments)) for row in rows))
    return (
        f"weights={tag!r} of {application} are published for {published}, not for "
        f"{said(arguments)}; choose one of these, or weights=None."
    )


def _other_flavor(application: str, row: Checkpoint, flavor: str | None) -> str:
    others = [r.tag for r in _by_application()[application] if r.flavor == flavor]
    instead = f", or take one of {', '.join(dict.fromkeys(others))}" if others else ""
    return (
        f"weights={row.tag!r} of {application} are for flavor={row.flavor!r}, not for "
        f"{flavor!r}; add flavor={row.flavor!r}{instead}."
    )
