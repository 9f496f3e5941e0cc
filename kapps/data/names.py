"""Match the class names of a data set to the outputs of a model."""

import difflib
import re
from collections.abc import Iterable, Sequence

from kapps.errors import DataError

WNID = re.compile(r"^(n\d{8})(?:[ _\-.]|$)")

ClassNames = Sequence[str] | Sequence[tuple[str, str]]


def labels_of(class_names: ClassNames) -> tuple[str, ...]:
    """The label of each class, where a class may be given as (wnid, label).

    Raises:
        TypeError: something else is in the list.
    """
    labels = []
    for entry in class_names:
        label = entry[-1] if isinstance(entry, tuple | list) and entry else entry
        if not isinstance(label, str):
            raise TypeError(f"class_names holds {entry!r}; give labels or (wnid, label) pairs.")
        labels.append(label)
    return tuple(labels)


def match(found: Sequence[str], class_names: ClassNames, what: str) -> list[int]:
    """Find each name among the classes of a model.

    A WordNet id ("n01443537", also "n01443537_goldfish") counts first, then the exact label, then
    the label whatever its case, underscores, hyphens and spaces.

    Args:
        found: names of folders, or whatever the data set has.
        class_names: the model's classes in output order, labels or (wnid, label) pairs.
        what: how an error calls one of `found`, such as "the folder".

    Returns:
        For each name the index of its class.

    Raises:
        DataError: a name that matches no class (with near matches), or several.
    """
    labels = labels_of(class_names)
    exact, loose = _index(labels), _index(map(_plain, labels))
    wnids = {pair[0]: i for i, pair in enumerate(class_names) if not isinstance(pair, str)}
    return [_find(name, class_names, wnids, exact, loose, what) for name in found]


def _find(
    name: str,
    class_names: ClassNames,
    wnids: dict[str, int],
    exact: dict[str, list[int]],
    loose: dict[str, list[int]],
    what: str,
) -> int:
    wnid = WNID.match(name)
    if wnid and wnid[1] in wnids:
        return wnids[wnid[1]]
    indices = exact.get(name) or loose.get(_plain(name)) or []
    if len(indices) == 1:
        return indices[0]
    if indices:
        choices = ", ".join(str(class_names[i]) for i in indices)
        raise DataError(f"{what} {name!r} fits {len(indices)} classes: {choices}; use the wnid.")
    near = difflib.get_close_matches(_plain(name), loose, n=3, cutoff=0.6)
    if near:
        hint = "near matches: " + ", ".join(repr(class_names[loose[text][0]]) for text in near)
    else:
        hint = f"they begin {', '.join(repr(entry) for entry in class_names[:3])}"
    raise DataError(
        f"{what} {name!r} is none of the model's {len(class_names)} classes; "
        f"rename it or train a new head ({hint})."
    )


def _plain(text: str) -> str:
    return re.sub(r"[\s_\-]+", "", text).casefold()


def _index(texts: Iterable[str]) -> dict[str, list[int]]:
    index: dict[str, list[int]] = {}
    for i, text in enumerate(texts):
        index.setdefault(text, []).append(i)
    return index
