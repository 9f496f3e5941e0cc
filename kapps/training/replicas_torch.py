"""Several torch processes, one a device, joined by torch's DistributedDataParallel."""

import contextlib
import datetime
from collections.abc import Iterator

import keras

from kapps.training.replicas import Share, silent

# While the leading process judges or takes features, the others wait inside a collective.
PATIENCE = datetime.timedelta(days=2)
# How gloo and NCCL begin or end their sentences about a process that is gone.
LOSS = ("Connection closed by peer", "Connection reset by peer", "NCCL", "Broken pipe", "gloo")


class TorchShare(Share):
    """The share of one of several torch processes."""

    @property
    def stream(self) -> int:
        return self.rank

    def wait(self) -> None:
        _distributed().barrier()

    def mean(self, *values: float) -> list[float]:
        tensor = keras.ops.convert_to_tensor(values, "float32")
        _distributed().all_reduce(tensor)
        return [float(value) / self.count for value in tensor]

    def told(self, value: bool) -> bool:
        tensor = keras.ops.convert_to_tensor([float(value)], "float32")
        _distributed().broadcast(tensor, src=0)
        return bool(tensor[0])

    def average(self, model: keras.Model) -> None:
        for variable in model.non_trainable_variables:
            if keras.backend.is_float_dtype(variable.dtype):
                total = variable.value.detach().clone()
                _distributed().all_reduce(total)
                variable.assign(total / self.count)

    def join(self, model: keras.Model) -> None:
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


def share() -> TorchShare | None:
    """The share of this process, where it is one of several."""
    torch_group = _distributed()
    # torch may be built without
    if not (torch_group.is_available() and torch_group.is_initialized()):
        return None
    count = torch_group.get_world_size()
    return TorchShare(torch_group.get_rank(), count) if count > 1 else None


@contextlib.contextmanager
def group(device: int, **address) -> Iterator[None]:
    """Be one of the processes that train together, on the GPU of number `device` if there is one.

    All but the leading one are silent; an error leaves the block first and is heard.

    Args:
        device: of this host.
        **address: of `torch.distributed.init_process_group`; by default torchrun's environment.
    """
    import torch

    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(device)
    _distributed().init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE, **address)
    with silent(_distributed().get_rank() > 0):
        yield
    # Not after an error: the others may still wait for this process, and would not let it go.
    _distributed().destroy_process_group()


def is_loss(error: Exception) -> bool:
    """Whether torch says by `error` that another process is gone."""
    return isinstance(error, RuntimeError) and any(word in str(error) for word in LOSS)


def _distributed():
    import torch.distributed

    return torch.distributed
