"""All that a training is at the end of an epoch, in one file that is written whole or not at all.

Keras's BackupAndRestore does not serve here: it writes weights and epoch number as two files, in
place, so a kill between or during the writes leaves a pair that does not belong together or a file
that cannot be read; it does not save the seeds of Dropout, nor what the callbacks remember (best
value, patience, history). Keras's `.weights.h5` leaves the seeds out too.
"""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kapps.errors import RunError
from kapps.files import atomic_write

PROGRESS = "progress"  # the JSON entry beside the arrays
BEST = "best/"  # begins the names of the weights that were best so far


def save_state(path: Path, model, progress: dict, best: list[np.ndarray] | None = None) -> None:
    """Write the variables of a compiled model and `progress` to one file.

    Args:
        path: the `.npz` file.
        model: a compiled keras.Model; saved are its weights, random seeds, and the optimiser's
            variables (moments, averaged weights, accumulated gradients, iteration count).
        progress: JSON-able facts, such as the number of finished epochs.
        best: weights of the best epoch so far, where the stage shall end with them.

    Raises:
        FileWriteError: the disk is full or the place cannot be written.
    """
    arrays = {name: to_numpy(variable) for name, variable in _variables(model)}
    arrays |= {f"{BEST}{i}": array for i, array in enumerate(best or ())}
    arrays[PROGRESS] = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def read_progress(path: Path) -> dict:
    """The `progress` of a state file, without touching a model.

    Raises:
        RunError: the file cannot be read.
    """
    try:
        with np.load(path) as stored:
            return json.loads(stored[PROGRESS].tobytes())
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{path} cannot be read ({error}); delete it to start this stage anew."
        ) from error


def restore_state(
    path: Path, model, fit: Callable[[np.ndarray, tuple], np.ndarray] | None = None
) -> tuple[dict, list[np.ndarray]]:
    """Put the variables of a state file back into a compiled model.

    Args:
        path: the file.
        model: compiled.
        fit: brings arrays of another size to a shape, see `resizing.fitter`; None refuses them.

    Returns:
        (progress, best): as they were given to `save_state`; `best` is [] where there was none.

    Raises:
        RunError: the file cannot be read, or holds the variables of another model.
    """
    progress = read_progress(path)
    if not model.optimizer.built:  # LossScaleOptimizer would make its variables twice
        model.optimizer.build(model.trainable_variables)
    variables = dict(_variables(model))
    with np.load(path) as stored:
        best = [stored[name] for name in stored.files if name.startswith(BEST)]
        names = {name for name in stored.files if not name.startswith((PROGRESS, BEST))}
        strange = sorted(names ^ set(variables))
        if strange:
            raise RunError(
                f"{path} was written for another model: variable {strange[0]!r} is in only one of "
                "the two; choose another --out."
            )
        for name, variable in variables.items():
            array, shape = stored[name], tuple(variable.shape)
            array = fit(array, shape) if fit else array
            if shape != array.shape:
                raise RunError(
                    f"{path} was written for another model: {name!r} has shape "
                    f"{array.shape}, expected {shape}; choose another --out."
                )
            variable.assign(array)
    return progress, best


def _variables(model) -> list[tuple[str, object]]:
    """(name, variable) of model and optimiser, by position.

    Not by path: Keras numbers the layers that have no name of their own by what the process built
    before, and a resumed process builds less.
    """
    rows = [(f"model/{i}", v) for i, v in enumerate(model.variables)]
    return rows + [(f"optimizer/{i}", v) for i, v in enumerate(model.optimizer.variables)]


def to_numpy(variable) -> np.ndarray:
    """A copy of a Keras variable's value on the host.

    A copy: two variables that share a JAX array lose it when one is donated.
    """
    import keras

    from kapps.training import replicas_jax

    value = variable.value
    # One of tf.distribute is not a tensor yet: it has a copy on each device.
    value = value.read_value() if hasattr(value, "read_value") else value
    if keras.config.backend() == "jax":
        value = replicas_jax.at_home(value)
    return np.array(keras.ops.convert_to_numpy(value))
