"""The batches of a data set as a tf.data.Dataset: read ahead, augmented by Keras layers, mixed."""

import atexit
import contextlib
import functools
import gc
from functools import cache
from typing import Any

from kapps.data import batch_functions, keras_layers, moving
from kapps.errors import MissingPackageError

PARALLEL_BATCHES = 2  # one decodes while the last pictures of the other finish
PREFETCH = 2


def build(dataset: Any, numbers: tuple[int, int] | None) -> Any:
    """The pipeline of a `kapps.data.Dataset`.

    Args:
        dataset: what to read.
        numbers: of the epochs of that range; None for the next one, whichever it is.

    Returns:
        tf.data.Dataset of what `Dataset.batches` describes.
    """
    tf = tensorflow()

    def next_epoch(_: Any) -> Any:
        return tf.ensure_shape(tf.numpy_function(dataset.next_epoch, [], tf.int64), ())

    def epoch_steps(epoch: Any) -> Any:
        return tf.data.Dataset.range(dataset.steps).map(lambda step: (epoch, step))

    # tf.data is host work: kept off the GPU, where TensorFlow would put variables.
    with tf.device("CPU"):
        if numbers is None:
            epochs = tf.data.Dataset.from_tensors(0).map(next_epoch)
        else:
            epochs = tf.data.Dataset.range(*numbers)
        batches = read(dataset, epochs.flat_map(epoch_steps), augmenters(dataset))
        count = dataset.steps * (numbers[1] - numbers[0] if numbers else 1)
        batches = batches.apply(tf.data.experimental.assert_cardinality(count))
        return finished(batches)


def augmenters(dataset: Any) -> list[Any]:
    """For each view what applies Keras's layers to a batch; None where there are none."""
    views, _ = dataset.signature()
    built = []
    for policy, view in zip(dataset.policies, views, strict=True):
        if not (layers := policy.layers()):
            built.append(None)
        elif dataset.form.moves:
            built.append(moving.Augmenter(layers, view.shape, dataset.annotation))
        else:
            built.append(keras_layers.Augmenter(layers, view.shape))
    return built


def read(dataset: Any, steps: Any, augmenters: list[Any]) -> Any:
    """The batches of a data set, in that order.

    Args:
        dataset: what to read.
        steps: tf.data.Dataset of (epoch, step) pairs.
        augmenters: from `augmenters`; they hold variables, which are made before any pipeline.
    """
    tf, signature = tensorflow(), dataset.signature()
    views, marks, moves = signature[0], signature[1], dataset.form.moves

    def spec(leaf: Any, count: int | None) -> Any:
        return tf.TensorSpec((count, *leaf.shape), leaf.dtype)

    specs = tf.nest.map_structure(lambda leaf: spec(leaf, dataset.static_batch), (views, marks))
    structure = (*specs, tf.TensorSpec((len(views),), tf.int64))
    flat = tf.nest.flatten(structure)

    def call(function: Any, *arguments: Any) -> Any:
        """A Python function of arrays that gives the flat list of a batch."""
        given = tf.numpy_function(function, tf.nest.flatten(arguments), [s.dtype for s in flat])
        shaped = [tf.ensure_shape(x, s.shape) for x, s in zip(given, flat, strict=True)]
        return tf.nest.pack_sequence_as(structure, shaped)

    def load(epoch: Any, step: Any) -> Any:
        return call(lambda *given: tf.nest.flatten(dataset.read(*given)), epoch, step)

    def mix(views: Any, marks: Any, keys: Any) -> Any:
        return call(dataset.mixed, views, marks, keys)

    def augment(views: Any, marks: Any, keys: Any) -> Any:
        views, several = list(views), isinstance(marks, tuple) and moves
        marks = list(marks) if several else [marks] * len(views)
        for i, augmenter in enumerate(augmenters):
            if augmenter is None:
                continue
            if moves:
                views[i], marks[i] = augmenter.move(views[i], marks[i], keys[i])
            else:
                views[i] = augmenter(views[i], keys[i])
        return tuple(views), tuple(marks) if several else marks[0], keys

    def change(views: Any, marks: Any, keys: Any) -> Any:
        changed = []
        for i, policy in enumerate(dataset.policies):
            work = functools.partial(batch_functions.apply, policy.functions)
            images = tf.numpy_function(work, [views[i], keys[i]], tf.uint8)
            changed.append(tf.ensure_shape(images, views[i].shape))
        return tuple(changed), marks, keys

    def element(views: Any, marks: Any, _: Any) -> Any:
        images = views if len(views) > 1 else views[0]
        return (images,) if dataset.annotation == "none" else (images, marks)

    batches = steps.map(load, num_parallel_calls=PARALLEL_BATCHES, deterministic=True)
    if any(one is not None for one in augmenters):
        # One after the other: the layers' random state is set for each batch.
        batches = batches.map(augment)
    if any(policy.functions for policy in dataset.policies):
        batches = batches.map(change)
    if dataset.mix:
        batches = batches.map(mix)
    return batches.map(element)


def finished(batches: Any) -> Any:
    """The same, prefetched, and read as it should be where several hosts do."""
    tf = tensorflow()
    options = tf.data.Options()
    # Of several hosts, each takes its share of every epoch.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.prefetch(PREFETCH).with_options(options)


def _end_iterators() -> None:
    """Destroy every tf.data iterator, for the end of the process.

    Destroying one waits for its threads, and a thread that calls Python once the interpreter is
    shutting down ends without a word: a script that leaves an iterator, or a training that
    Ctrl-C stopped, would wait for ever after its last line.
    """
    import tensorflow as tf

    for one in gc.get_objects():
        if issubclass(type(one), tf.data.Iterator):
            vars(one).clear()


@cache
def tensorflow() -> Any:
    """TensorFlow, for tf.data; on another backend it must leave the GPU's memory alone."""
    import keras

    try:
        import tensorflow as tf
    except ModuleNotFoundError:
        raise MissingPackageError(
            "data is read with tf.data on every backend; pip install 'kapps[tensorflow]'."
        ) from None
    if keras.config.backend() != "tensorflow":
        with contextlib.suppress(RuntimeError):  # TensorFlow already runs; too late to change
            tf.config.set_visible_devices([], "GPU")
    atexit.register(_end_iterators)
    return tf
