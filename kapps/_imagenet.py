"""The 1000 classes of ImageNet."""

from functools import cache
from importlib.resources import files


@cache
def class_names() -> tuple[tuple[str, str], ...]:
    """The (wnid, label) of each of the 1000 classes of ILSVRC 2012, in the order of the outputs."""
    table = files("kapps").joinpath("imagenet_classes.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines()[1:])
    return tuple((wnid, label) for _, wnid, label in rows)
