"""Several processes that train together: one a device on torch, one a host on JAX and TensorFlow.

Each trains on its share of every batch; after each step all hold the same weights. One of them
leads: it alone judges, prints and writes. The devices of one host need one process only on JAX
and TensorFlow, see `devices.distributed`.

What a backend does of this is in `replicas_torch`, `replicas_jax` and `replicas_tensorflow`.
"""

import contextlib
import dataclasses
import importlib
import io
from collections.abc import Callable, Iterator

import keras
import numpy as np

from kapps.errors import SettingsError


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of every batch that this process trains on: number `rank` of `count` equal ones.

    This one is for a process that trains alone; a backend's own is made by its `share()`.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that judges, prints and writes."""
        return self.rank == 0

    @property
    def stream(self) -> int:
        """Number of the random stream from which this process draws dropout."""
        return 0

    def wait(self) -> None:
        """Until all processes are here."""
        self.told(True)

    def mean(self, *values: float) -> list[float]:
        """Each of `values`, of this process's share, for the whole batch."""
        return list(values)

    def told(self, value: bool) -> bool:
        """What the leading process gives as `value`."""
        return value

    def average(self, model: keras.Model) -> None:
        """Give all processes the mean of what each has gathered of BatchNorm's statistics."""

    def join(self, model: keras.Model) -> None:
        """Let `model.fit` step by the mean of all processes' gradients, from the leader's weights.

        Args:
            model: compiled; what trains in it must not change until `fit` is over.
        """

    @contextlib.contextmanager
    def at_home(self, model: keras.Model) -> Iterator[None]:  # noqa: ARG002
        """Inside, this process holds all of `model` and can save it alone."""
        yield

    def alone(self, model: keras.Model) -> keras.Model:
        """`model`, whose `predict_on_batch` is answered by this process without the others."""
        predict = self._predictor(model)
        return Changed(model, predict_on_batch=predict) if predict else model

    def _predictor(self, model) -> Callable[[np.ndarray], np.ndarray] | None:  # noqa: ARG002
        """Where Keras's own needs the others: what answers instead."""
        return None


class Changed:
    """An object but for the attributes that are given."""

    def __init__(self, kept: object, **changes: object):
        vars(self).update(changes, _kept=kept)

    def __getattr__(self, name: str):
        return getattr(self._kept, name)


def share() -> Share:
    """The share of this process: all of every batch, unless it is one of several."""
    return _own().share() or Share()


def check(devices: list[str], batch_size: int) -> None:
    """Raise SettingsError unless these are several devices that can share a batch evenly."""
    if len(devices) < 2:
        raise SettingsError(
            f"distribute=True needs several devices and {keras.config.backend()} sees "
            f"{devices[0]} only; leave it out."
        )
    if batch_size % len(devices):
        raise SettingsError(
            f"batch_size={batch_size} cannot be shared by {len(devices)} devices; use a multiple."
        )


@contextlib.contextmanager
def silent(wanted: bool) -> Iterator[None]:
    """Nothing is printed inside."""
    with contextlib.ExitStack() as stack:
        if wanted:
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        yield


def _own():
    """The module of this backend."""
    return importlib.import_module(f"kapps.training.replicas_{keras.config.backend()}")
