"""What a dialect is, and how it turns a file's tensors into ours."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

TORCH_LEAVES = {  # state-dict leaf -> our variable, in a normalisation and elsewhere
    "weight": ("gamma", "kernel"),
    "bias": ("beta", "bias"),
    "running_mean": ("moving_mean", "moving_mean"),
    "running_var": ("moving_variance", "moving_variance"),
}
KERAS_LEAVES = {"depthwise_kernel": "kernel"}  # Keras 2 called a DepthwiseConv2D's kernel so
# What a model does to RGB in [0, 255] before anything else: mean and deviation; None for nothing.
Normalization = tuple[tuple[float, ...], tuple[float, ...]] | None
SIDE = re.compile(r"aux\d*_")  # our layers of a classifier on the side, which a model may lack
BLOCK = r"(stage\d+_block\d+)_"


@dataclass(frozen=True)
class Target:
    """A layer of the model that weights go to: its kind and the shapes of its variables."""

    kind: str  # "depthwise", "conv", "dense", "norm" or "other"
    shapes: Mapping[str, tuple[int, ...]]


class _Group(int):
    """A number in a source name; its format says how it becomes one of ours."""

    orders: dict[str, list[str]]

    def __format__(self, spec: str) -> str:
        for kind, ours in self.orders.items():
            if spec.startswith(kind):
                index = int(self) + int(spec.removeprefix(kind) or 0)
                # A file of a deeper network has blocks that this one has no place for.
                return ours[index] if index < len(ours) else f"{kind}{index}"
        return str(int(self) + int(spec or 0))


class _Letter(str):
    """A letter in a source name; as "{0:number}" it is 1 for a, as "{0:number-1}" 1 for b."""

    def __format__(self, spec: str) -> str:
        if not spec.startswith("number"):
            return str(self)
        return str(ord(self) - ord("a") + 1 + int(spec.removeprefix("number") or 0))


@dataclass(frozen=True)
class Dialect:
    """The names of one source for one family.

    Attributes:
        name: "keras", "timm", "torchvision", ...
        layout: "keras" (HWIO, groups "layer/variable") or "torch" (OIHW, names "module.leaf").
        rows: (regular expression, template) or (regular expression, template, transform), where
            `transform(array, shape)` returns the array in Keras's layout for a variable of `shape`.
        ignore: regular expressions of tensors that carry nothing for us. Where a row takes them
            too, they are for the models that have its layer.
        bgr: whether its networks take blue first.
        prepare: a last resort, `arrays -> arrays`, for files whose names need work beforehand.
        check: refuses, `(arrays, normalization) -> None`, files that hold a normalisation of their
            own which is not the model's.
        orders: for sources that only number their layers: {"conv": regular expression} makes
            "{0:conv}" the n-th of our layers that match, counted from zero, or rather its first
            group. "block" is always there.
        body: of a network on top of another one: the dialect of that one's family.
        renames: (regular expression, template) for the beginnings of names, the first that fits:
            what stands before the names of the body goes away.
    """

    name: str
    layout: str
    rows: tuple[tuple, ...] = ()
    ignore: tuple[str, ...] = ()
    bgr: bool = False
    prepare: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None
    check: Callable[[dict[str, np.ndarray], Normalization], None] | None = None
    orders: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    renames: tuple[tuple[str, str], ...] = ()

    def on(self, body: "Dialect") -> "Dialect":
        """This dialect with that of the body, whose names follow the beginnings in `renames`."""
        return replace(
            self,
            rows=(*self.rows, *body.rows),
            ignore=(*self.ignore, *body.ignore),
            bgr=body.bgr,
            prepare=_one_after_the_other(self.prepare, body.prepare),
            orders={**body.orders, **self.orders},
        )

    @cached_property
    def _separator(self) -> str:
        return "." if self.layout == "torch" else "/"

    @cached_property
    def _compiled(self) -> list[tuple[re.Pattern, str, Callable | None]]:
        return [(re.compile(row[0]), row[1], row[2] if len(row) > 2 else None) for row in self.rows]

    def knows(self, name: str, layers: set[str]) -> bool:
        """Whether a name of the file means something in this dialect."""
        if self is KAPPS:
            return self._ignored(name) or name.rpartition("/")[0] in layers
        name = self._renamed(name)
        return self._ignored(name) or self._row(name) is not None

    def translate(
        self, arrays: dict[str, np.ndarray], targets: Mapping[str, Target]
    ) -> dict[str, np.ndarray]:
        """The file's tensors under our names and in Keras's layout.

        Args:
            arrays: as `readers.read` returns them.
            targets: the layers of the model by name. Tensors of layers that it does not have keep
                their own shape.

        Raises:
            KeyError: a name that `knows` would refuse.
        """
        patterns = {"block": BLOCK, **self.orders}
        orders = {kind: _in_order(pattern, targets) for kind, pattern in patterns.items()}
        translated = {}
        arrays = {self._renamed(name): array for name, array in arrays.items()}
        for name, array in (self.prepare(arrays) if self.prepare else arrays).items():
            if self._ignored(name) and not self._has_place(name, targets, orders):
                continue
            target, transform = self._target(name, targets, orders)
            layer, _, variable = target.rpartition("/")
            kind = targets[layer].kind if layer in targets else "other"
            shape = targets[layer].shapes.get(variable) if layer in targets else None
            if transform:
                array = transform(array, shape)
            elif variable == "kernel":
                array = self._kernel(array, kind, shape)
            translated[target] = array
        return translated

    def _renamed(self, name: str) -> str:
        for pattern, template in self.renames:
            if match := re.match(pattern, name):
                return template.format(*_groups(match, {})) + name[match.end() :]
        return name

    def _ignored(self, name: str) -> bool:
        if self.layout == "torch" and name.endswith("num_batches_tracked"):
            return True
        return any(re.fullmatch(pattern, name) for pattern in self.ignore)

    def _has_place(self, name, targets, orders) -> bool:
        """Whether the model has the variable that this tensor is, as not every model does."""
        if self is not KAPPS and self._row(name) is None:
            return False
        layer, _, variable = self._target(name, targets, orders)[0].rpartition("/")
        return layer in targets and variable in targets[layer].shapes

    def _row(self, name: str):
        module = name.rpartition(self._separator)[0]
        for pattern, template, transform in self._compiled:
            if match := pattern.fullmatch(name if "/" in template else module):
                return match, template, transform
        return None

    def _target(self, name, targets, orders) -> tuple[str, Callable | None]:
        if self is KAPPS:
            layer, _, variable = name.rpartition("/")
            known = list(targets[layer].shapes) if layer in targets else []
            if variable.isdigit() and int(variable) < len(known):
                # A .weights.h5 numbers the variables of layers that are not Keras's own.
                name = f"{layer}/{known[int(variable)]}"
            return name, None
        match, template, transform = self._row(name)
        target = template.format(*_groups(match, orders))
        if "/" in template:
            return target, transform
        leaf = name.rpartition(self._separator)[2]
        if self.layout == "torch":
            norm = target in targets and targets[target].kind == "norm"
            leaf = TORCH_LEAVES[leaf][0 if norm else 1] if leaf in TORCH_LEAVES else leaf
        else:
            leaf = KERAS_LEAVES.get(leaf, leaf)
        return f"{target}/{leaf}", transform

    def _kernel(self, array: np.ndarray, kind: str, shape: tuple[int, ...] | None) -> np.ndarray:
        if self.layout == "torch":
            if array.ndim == 2:
                array = array.T
            elif array.ndim == 4 and kind == "depthwise":  # (C * m, 1, k, k), one input a group
                array = array.transpose(2, 3, 0, 1)
                if shape[3] > 1 and array.size == np.prod(shape):
                    array = array.reshape(shape)
            elif array.ndim == 4:
                array = array.transpose(2, 3, 1, 0)
            elif array.ndim == 3:  # a convolution along one axis
                array = array.transpose(2, 1, 0)
        if kind == "dense" and array.ndim == 4:  # a 1x1 convolution by another name
            array = array.reshape(array.shape[2:])
        if kind == "conv" and array.ndim == 2:
            array = array.reshape(1, 1, *array.shape)
        return array


def _groups(match: re.Match, orders: dict[str, list[str]]) -> list[str | int]:
    """The groups of a match, whose formats make our names of them."""
    groups = []
    for text in match.groups(default=""):
        group = _Group(text) if text.isdigit() else _Letter(text)
        if isinstance(group, _Group):
            group.orders = orders
        groups.append(group)
    return groups


def _one_after_the_other(first: Callable | None, second: Callable | None) -> Callable | None:
    if first and second:
        return lambda arrays: second(first(arrays))
    return first or second


def _in_order(pattern: str, names: Collection[str]) -> list[str]:
    """The first groups of the matches, sorted by the numbers in them."""
    found = {match[1] for name in names if (match := re.match(pattern, name))}
    return sorted(found, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


KAPPS = Dialect("kapps", "keras", ignore=(rf"{SIDE.pattern}.*",))
