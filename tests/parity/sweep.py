"""One member of a family in every run, the others in `make test-all`."""

from collections.abc import Iterable

import pytest


def sweep_but(first: str, names: Iterable[str]) -> list:
    """The names as parameters of a test, all but `first` marked `sweep`."""
    marks = {first: ()}
    return [pytest.param(name, marks=marks.get(name, pytest.mark.sweep)) for name in names]
