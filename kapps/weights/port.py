"""Named arrays into a model's variables: all of them, or an error that says which and why."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import keras
import numpy as np

from kapps.errors import WeightsError

CLASSIFIER = "predictions"  # the last layer of every classifier


@dataclass(frozen=True)
class LoadReport:
    """What became of every weight of a model.

    Attributes:
        source: the tag or file.
        loaded: variables that hold exactly what the file says.
        adapted: (variable, how) for those that were changed to fit, such as the stem of a
            grayscale model.
        new: variables with fresh values, such as a head for other classes.
        unused: tensors of the file that this model has no place for: the head it was built without.
        classes: outputs of the classifier in the file; None where it has none.
    """

    source: str
    loaded: tuple[str, ...]
    adapted: tuple[tuple[str, str], ...] = ()
    new: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    classes: int | None = None

    def __str__(self) -> str:
        lines = [f"{self.source}: {len(self.loaded)} variables loaded"]
        lines += [f"adapted {name}: {how}" for name, how in self.adapted]
        if self.new:
            lines.append(f"new: {', '.join(self.new)}")
        if self.unused:
            lines.append(f"not used: {', '.join(self.unused)}")
        return "\n".join(lines)


def variables_of(model: keras.Model) -> dict[str, keras.Variable]:
    """Every weight by name, "layer/variable"; the counters of random generators are none."""
    return {v.path: v for v in model.variables if not v.path.endswith("seed_generator_state")}


def assign(
    model: keras.Model,
    arrays: dict[str, np.ndarray],
    *,
    source: str,
    new_layers: Collection[str] = (),
    head_layers: Collection[str] = (),
    stems: Collection[str] = (),
    adapters: Mapping[str, Callable[[np.ndarray], np.ndarray]] | None = None,
    bgr: bool = False,
) -> LoadReport:
    """Give every variable of the model its array.

    Args:
        arrays: by variable name and in Keras's layout, as a dialect's `translate` returns them.
        source: what the report and errors call them.
        new_layers: layers that keep their fresh values where the arrays do not fit.
        head_layers: layers whose arrays may be left over, for a model built without them.
        stems: the convolutions that see the image. Their kernels are adapted to another number of
            channels: for one channel the sum over RGB, otherwise the RGB kernels in turn, scaled
            so that a gray image gives what it gave before.
        adapters: variable -> what makes its array of one of another size; it may raise ValueError.
        bgr: whether the stems of the arrays take blue first, so that they must be turned round.

    Raises:
        WeightsError: arrays are missing, left over, or of another shape; nothing was assigned.
    """
    variables = variables_of(model)
    values, adapted, new, problems = {}, [], [], []
    for name, variable in variables.items():
        layer = name.rpartition("/")[0]
        array = arrays.get(name)
        if array is not None and layer in stems and name == f"{layer}/kernel":
            if bgr:
                array = array[:, :, ::-1]
                adapted.append((name, "input channels turned from BGR to RGB"))
            if array.shape[2] != variable.shape[2]:
                how = f"from {array.shape[2]} to {variable.shape[2]} input channels"
                array = _adapt_stem(array, variable.shape[2])
                adapted.append((name, how))
        if array is not None and name in (adapters or {}):
            array, how, problem = _resized(array, tuple(variable.shape), adapters[name])
            if how:
                adapted.append((name, how))
            if problem:
                problems.append(f"{name}: {problem}")
                continue
        if array is not None and array.shape == tuple(variable.shape):
            values[name] = array
        elif layer in new_layers:
            new.append(name)
        elif array is None:
            problems.append(f"{name} {tuple(variable.shape)} is missing")
        else:
            problems.append(f"{name} has shape {array.shape}, expected {tuple(variable.shape)}")
    left = [name for name in arrays if name not in variables]
    unused = [name for name in left if name.rpartition("/")[0] in head_layers]
    problems += [f"{name} {arrays[name].shape} has no place" for name in left if name not in unused]
    if problems:
        raise WeightsError(_mismatch(source, model.name, problems))

    for name, array in values.items():
        variables[name].assign(np.asarray(array, order="C"))
    changed = {name for name, _ in adapted}
    loaded = tuple(name for name in values if name not in changed)
    head = arrays.get(f"{CLASSIFIER}/kernel")
    classes = None if head is None else head.shape[-1]
    return LoadReport(source, loaded, tuple(adapted), tuple(new), tuple(unused), classes)


def _resized(array, shape, adapter):
    """(array, how it was changed, why it could not be) for a table that depends on the size."""
    if array.shape == shape or array.shape[-1] != shape[-1]:
        return array, None, None
    try:
        return adapter(array), f"interpolated from {array.shape} to {shape}", None
    except ValueError as error:
        return array, None, str(error)


def _adapt_stem(kernel: np.ndarray, channels: int) -> np.ndarray:
    """(height, width, given, filters) -> (height, width, channels, filters)."""
    given = kernel.shape[2]
    picked = (
        kernel.sum(axis=2, keepdims=True)
        if channels == 1
        else kernel[:, :, np.arange(channels) % given]
    )
    if channels == 1:
        return picked
    # Equal inputs on all channels shall give the same sum as before.
    return picked * (given / channels)


def _mismatch(source: str, model: str, problems: list[str], shown: int = 4) -> str:
    more = f" and {len(problems) - shown} more" if len(problems) > shown else ""
    return (
        f"{source} does not fit {model}: {'; '.join(problems[:shown])}{more}; check the "
        "application, its arguments and its flavor"
    )
