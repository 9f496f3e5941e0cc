"""How Keras, timm and torchvision name the tensors that kapps calls `stem_conv/kernel`.

A dialect is a table of rows, one module a family. A row is a regular expression for the name of a
module of the source and a template for our layer; `{0}` is its first group, `{0:+1}` the number
plus one, `{0:block}` the n-th block of the network counted from zero through all stages, and
`{0:number}` the place of a letter in the alphabet, 1 for a. `Dialect.orders` is for sources that
only number their layers.
A row that has a "/" names one tensor, not a module.
"""

from importlib import import_module
from importlib.util import find_spec

from kapps.errors import WeightsError
from kapps.weights.dialects._dialect import KAPPS, SIDE, Dialect, Target

__all__ = ["KAPPS", "SIDE", "Dialect", "Target", "detect", "dialects_of", "find"]


def dialects_of(family: str, body: str | None = None) -> tuple[Dialect, ...]:
    """The dialects of a family, ours last; a family without published weights has ours alone.

    Args:
        body: family of the network that this one stands on, where there is one. A dialect that
            names its tensors as another dialect of that family's is left out where it has none.
    """
    module = f"{__name__}.{family}"
    own = import_module(module).DIALECTS if find_spec(module) else ()
    if body is not None:
        below = {dialect.name: dialect for dialect in dialects_of(body)}
        own = tuple(d.on(below[d.body]) if d.body else d for d in own if d.body in {*below, None})
    return (*own, KAPPS)


def find(family: str, name: str, body: str | None = None) -> Dialect:
    """The dialect of that name."""
    return next(dialect for dialect in dialects_of(family, body) if dialect.name == name)


def detect(
    family: str, names: list[str], layers: set[str], source: str, body: str | None = None
) -> Dialect:
    """The dialect in which every name has a meaning.

    Args:
        names: tensors of the file. layers: of the model. source: what the error calls the file.
        body: family of the backbone, where that is an application of its own.

    Raises:
        WeightsError: no dialect knows all the names; the sentence shows one of them.
    """
    closest, unknown = None, list(names)
    for dialect in dialects_of(family, body):
        missed = [name for name in names if not dialect.knows(name, layers)]
        if not missed:
            return dialect
        if len(missed) < len(unknown):
            closest, unknown = dialect, missed
    known = ", ".join(dialect.name for dialect in dialects_of(family, body))
    near = f" (closest: {closest.name})" if closest else ""
    raise WeightsError(
        f"{source} does not belong to {family}: the tensor {unknown[0]!r} is in none of its "
        f"dialects {known}{near}; check that it is the file of this architecture"
    )
