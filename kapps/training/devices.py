"""Many devices and half precision: the backend's own engines behind one flag each."""

import contextlib
from collections.abc import Callable, Iterator

import keras
import numpy as np

from kapps.training import replicas


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
def distributed(wanted: bool, batch_size: int) -> Iterator[int]:
    """Models built inside train on all devices of the backend, each on a share of every batch.

    keras.distribution.DataParallel on JAX, tf.distribute.MirroredStrategy on TensorFlow: the
    devices of one host. On torch this process drives one device of those that `replicas.launch`
    has started, on one host or several.

    Args:
        wanted: False does nothing.
        batch_size: of all devices together.

    Yields:
        The number of devices.

    Raises:
        SettingsError: one device only, or a batch that cannot be shared evenly.
    """
    if not wanted:
        yield 1
        return
    backend = keras.config.backend()
    if backend == "torch":
        yield replicas.share().count
        return
    devices = _devices(backend)
    replicas.check(devices, batch_size)
    if backend == "jax":
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
        try:
            yield len(devices)
        finally:
            keras.distribution.set_distribution(before)
        return
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(devices).scope():
        yield len(devices)


def feed(batches: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]):
    """What `model.fit` takes so that it trains on exactly these batches in this order.

    On several TensorFlow devices Keras opens its input twice and lets the first iterator read
    ahead, which would lose batches of a Python generator; a tf.data pipeline begins anew instead.

    Args:
        batches: makes the iterator over all batches of all epochs, of one shape.
    """
    if keras.config.backend() != "tensorflow":
        return batches()
    import tensorflow as tf

    if not tf.distribute.has_strategy():
        return batches()
    signature = tuple(tf.TensorSpec(array.shape, array.dtype) for array in next(batches()))
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def _devices(backend: str) -> list[str]:
    """The accelerators, or the CPU devices where there are none."""
    if backend == "jax":
        return keras.distribution.list_devices()
    import tensorflow as tf

    # Logical ones: a test splits one CPU in two.
    names = [d.name for d in tf.config.list_logical_devices("GPU")]
    return names or [d.name for d in tf.config.list_logical_devices("CPU")]
