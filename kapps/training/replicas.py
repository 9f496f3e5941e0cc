"""Several torch devices: a process for each, joined by torch's DistributedDataParallel.

On JAX and TensorFlow one process drives every device (see `devices.distributed`). On torch each
device has a process of its own, which trains on its share of every batch; after each step all hold
the same weights. One of them leads: it alone judges, prints and writes.
"""

import contextlib
import dataclasses
import datetime
import io
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator

import keras

from kapps.errors import RunError, SettingsError

# While the leading process judges or takes features, the others wait inside a collective.
PATIENCE = datetime.timedelta(days=2)
GOODBYE = 10.0  # seconds for the processes to say their last words after Ctrl-C


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of every batch that this process trains on: number `rank` of `count` equal ones."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that judges, prints and writes."""
        return self.rank == 0

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            _distributed().barrier()

    def mean(self, *values: float) -> list[float]:
        """Each of `values`, averaged over the processes."""
        if self.count == 1:
            return list(values)
        tensor = keras.ops.convert_to_tensor(values, "float32")
        _distributed().all_reduce(tensor)
        return [float(value) / self.count for value in tensor]

    def told(self, value: bool) -> bool:
        """What the leading process gives as `value`."""
        if self.count == 1:
            return value
        tensor = keras.ops.convert_to_tensor([float(value)], "float32")
        _distributed().broadcast(tensor, src=0)
        return bool(tensor[0])

    def average(self, model: keras.Model) -> None:
        """Give all processes the mean of what each has gathered of BatchNorm's statistics."""
        if self.count == 1:
            return
        for variable in model.non_trainable_variables:
            if keras.backend.is_float_dtype(variable.dtype):
                total = variable.value.detach().clone()
                _distributed().all_reduce(total)
                variable.assign(total / self.count)

    def join(self, model: keras.Model) -> None:
        """Let `model.fit` step by the mean of all processes' gradients, from the leader's weights.

        Args:
            model: compiled; what trains in it must not change until `fit` is over.
        """
        if self.count == 1:
            return
        import torch

        called = _Called(model, torch.nn.parallel.DistributedDataParallel(model))
        # Keras's own step, but for the call in it: there DistributedDataParallel has its hooks.
        model.train_function = lambda data: type(model).train_step(called, data[0])


class _Called:
    """A model in all but its call, which goes by way of `call`."""

    def __init__(self, model, call):
        self._model, self._call = model, call

    def __getattr__(self, name: str):
        return getattr(self._model, name)

    def __call__(self, *args, **kwargs):
        return self._call(*args, **kwargs)


def share() -> Share:
    """The share of this process: all of every batch, unless it is one of several."""
    if keras.config.backend() != "torch":
        return Share()
    group = _distributed()
    if not (group.is_available() and group.is_initialized()):  # torch may be built without
        return Share()
    return Share(group.get_rank(), group.get_world_size())


def launch(job: Callable[..., dict], settings, *more) -> dict:
    """Return `job(settings, *more)`; distribute=True on torch runs it in a process for each device.

    It is then what the leading process returns. Started by `torchrun`, which also spans several
    hosts, this process is one of them already.

    Args:
        job: a function of a module; it finds the share of its process by `share()`.
        settings: with `distribute` and `batch_size`, that of all devices together.

    Raises:
        SettingsError: one device only, or a batch that cannot be shared evenly.
        RunError: one of the processes was killed; the others end with it.
        Exception: whatever `job` raised in one of them.
    """
    if not settings.distribute or keras.config.backend() != "torch":
        return job(settings, *more)
    import torch

    if {"RANK", "LOCAL_RANK", "WORLD_SIZE"} <= set(os.environ):  # torchrun's
        processes = [f"process {i}" for i in range(int(os.environ["WORLD_SIZE"]))]
        check(processes, settings.batch_size)
        with _group(int(os.environ["LOCAL_RANK"])):
            return job(settings, *more)
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    check(devices or ["cpu"], settings.batch_size)
    # It would warn of each process that it ends after another's error, which is the news.
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)
    answers = multiprocessing.get_context("spawn").SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="kapps-") as folder:
        arguments = (len(devices), f"file://{folder}/group", job, settings, more, answers)
        started = torch.multiprocessing.spawn(
            _work, arguments, len(devices), join=False, daemon=True
        )
        try:
            while not started.join():
                pass
        except KeyboardInterrupt:
            for process in started.processes:
                process.join(GOODBYE)
            raise
        except torch.multiprocessing.ProcessRaisedException:
            raise answers.get() from None
        except torch.multiprocessing.ProcessExitedException as error:  # before it could say why
            raise RunError(f"a device's {error}; continue with --resume.") from error
        return answers.get()


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


def _work(
    rank: int, count: int, address: str, job: Callable, settings, more: tuple, answers
) -> None:
    """What each process does: the job, and its result or its error into `answers`."""
    try:
        with _group(rank, init_method=address, rank=rank, world_size=count):
            result = job(settings, *more)
    except Exception as error:
        answers.put(error)
        raise
    if rank == 0:
        answers.put(result)


@contextlib.contextmanager
def _group(device: int, **address) -> Iterator[None]:
    """Be one of the processes that train together, on the GPU of number `device` if there is one.

    All but the leading one are silent; an error leaves the block first and is heard.
    """
    import torch

    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(device)
    _distributed().init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE, **address)
    with contextlib.ExitStack() as stack:
        if not share().leads:
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        yield
    # Not after an error: the others may still wait for this process, and would not let it go.
    _distributed().destroy_process_group()


def _distributed():
    import torch.distributed

    return torch.distributed
