"""Many devices and half precision: the backend's own engines behind one flag each."""

import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from kapps.errors import SettingsError
from kapps.training import layouts, progress, replicas, replicas_tensorflow


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Models built inside compute in `name`; weights stay float32 in all three.

    Args:
        name: "float32", "mixed_float16" (with dynamic loss scaling, by Keras) or "mixed_bfloat16".
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def distributed(wanted: bool, batch_size: int, model_parallel: int = 1) -> Iterator[int]:
    """Models built inside train on all devices of the backend, each on a share of every batch.

    keras.distribution on JAX, tf.distribute on TensorFlow: the devices of this host, and of the
    others that `launching.launch` has joined. On torch this process drives one device of those that
    it has started.

    Args:
        wanted: False does nothing.
        batch_size: of all devices together.
        model_parallel: devices of one host that one copy of the network is cut over, on JAX.

    Yields:
        The number of devices.

    Raises:
        SettingsError: one device only, or a batch or a network that cannot be shared evenly.
    """
    if not wanted:
        yield 1
        return
    backend = keras.config.backend()
    if model_parallel > 1 and backend != "jax":
        raise SettingsError(
            f"model_parallel={model_parallel} cuts a network over devices on JAX only and this is "
            f"{backend}; add --backend jax, or leave it out."
        )
    if backend == "torch":
        yield replicas.share().count
        return
    if backend == "tensorflow":
        strategy = _strategy(batch_size)
        with strategy.scope():
            yield strategy.num_replicas_in_sync
        return
    devices = keras.distribution.list_devices()
    with layouts.distribution(devices, batch_size, model_parallel).scope():
        yield len(devices)


def _strategy(batch_size: int):
    """tf.distribute's, of all hosts where there are several."""
    import tensorflow as tf

    joined = replicas_tensorflow.strategy()
    if joined:
        names = [f"replica {i}" for i in range(joined.num_replicas_in_sync)]
    else:  # logical ones: a test splits one CPU in two
        names = [d.name for d in tf.config.list_logical_devices("GPU")]
        names = names or [d.name for d in tf.config.list_logical_devices("CPU")]
    replicas.check(names, batch_size)
    return joined or tf.distribute.MirroredStrategy(names)


def memory_notes() -> list[str]:
    """What this process takes now, as text for the bar: on the host, and on a GPU that tells."""
    notes = []
    if (host := _resident()) is not None:
        notes.append(f"{host / 1e9:.1f} GB")
    if (device := _on_device()) is not None:
        notes.append(f"GPU {device / 1e9:.1f} GB")
    return notes


def _resident() -> int | None:
    """Bytes of memory that this process holds; None where the system does not tell (Linux does)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _on_device() -> int | None:
    """Bytes in use on the first GPU, as its backend says; None without one."""
    backend = keras.config.backend()
    if backend == "torch":
        import torch

        return torch.cuda.memory_allocated() if torch.cuda.is_available() else None
    if backend == "jax":
        import jax

        device = jax.local_devices()[0]
        return (
            None if device.platform == "cpu" else (device.memory_stats() or {}).get("bytes_in_use")
        )
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return None
    return tf.config.experimental.get_memory_info("GPU:0")["current"]


def join_optimizer(model) -> None:
    """Let the optimiser of a compiled model see the gradients of all its devices as one."""
    if getattr(getattr(model, "distribute_strategy", None), "num_replicas_in_sync", 1) > 1:
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        replicas_tensorflow.join(optimizer)


def compile_step(model) -> None:
    """On torch, compile the training step of a model with jit_compile=True for one shape.

    Keras leaves shapes open, which torch.compile then tries to reason about, and fails: a batch of
    a training is always as large as the first.
    """
    if keras.config.backend() != "torch" or not model.jit_compile:
        return
    import torch

    progress.say(
        "jit_compile=true: torch.compile works through the whole step before the first batch is "
        "done, which takes minutes on a CPU; jit_compile=false begins at once."
    )
    model.train_function = torch.compile(lambda data: model.train_step(data[0]), dynamic=False)


def feed(train, start: int, stop: int):
    """What `model.fit` takes so that it trains on exactly these batches in this order.

    The next batch is on its way to the device while a step runs, as uint8: on TensorFlow by
    tf.data, on JAX by Keras, on a torch GPU by `_ahead`. On a CPU there is no way to go.

    On several TensorFlow devices Keras opens its input twice and lets the first iterator read
    ahead, which would lose batches of a Python generator; a tf.data pipeline begins anew instead.

    Args:
        train: an `engine.EpochData`; where it has `pipeline(start, stop)`, that is the same as a
            tf.data.Dataset.
        start, stop: the epochs start..stop-1, one after the other.
    """
    backend = keras.config.backend()
    if backend == "torch":
        return _torch_feed(_chain(train, start, stop))
    if backend != "tensorflow":
        return _chain(train, start, stop)
    import tensorflow as tf

    if not tf.distribute.has_strategy():
        has = hasattr(train, "pipeline")
        return train.pipeline(start, stop) if has else _chain(train, start, stop)
    first = next(_chain(train, start, stop))
    signature = keras.tree.map_structure(
        lambda array: tf.TensorSpec(array.shape, array.dtype), first
    )
    batches = tf.data.Dataset.from_generator(
        lambda: _chain(train, start, stop), output_signature=signature
    )
    if replicas_tensorflow.strategy():
        return replicas_tensorflow.distribute(batches, rows=len(keras.tree.flatten(first)[0]))
    return batches


def _chain(train, start: int, stop: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The batches of the epochs start..stop-1, one after the other."""
    for number in range(start, stop):
        yield from train.epoch(number)


def _torch_feed(batches: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple]:
    """Batches in pinned memory, from which a GPU fetches them while it computes."""
    import torch

    if not torch.cuda.is_available():
        return batches

    def put(array: np.ndarray):
        return torch.from_numpy(array).pin_memory().to("cuda", non_blocking=True)

    return _ahead(keras.tree.map_structure(put, batch) for batch in batches)


def _ahead(batches: Iterator) -> Iterator:
    """The same; the next one has been asked for when one is given out."""
    waiting = next(batches, None)
    while waiting is not None:
        following = next(batches, None)
        yield waiting
        waiting = following


def seed_streams(seed: int) -> None:
    """Begin the streams of random numbers that no variable of a model holds, for an epoch.

    Dropout without a seed draws from torch's own stream, which a resumed process would begin anew.
    TensorFlow's own stream is left alone: nothing of Keras draws from it, and to seed it throws
    away all compiled functions, so that each epoch would begin with seconds of optimising graphs.
    """
    if keras.config.backend() == "tensorflow":
        random.seed(seed)
        np.random.seed(seed)  # functions of a user may draw from these
    else:
        keras.utils.set_random_seed(seed)
