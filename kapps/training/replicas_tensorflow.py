"""Several TensorFlow processes, one a host, joined by tf.distribute.MultiWorkerMirroredStrategy."""

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator

import keras
import numpy as np

from kapps.training.hosts import Cluster
from kapps.training.replicas import Share, silent

_strategies: list = []  # of this process: TensorFlow makes one, before it computes anything


class TensorFlowShare(Share):
    """The share of one of several TensorFlow processes."""

    def told(self, value: bool) -> bool:
        return bool(_sum([float(value and self.leads)])[0] > 0)

    def average(self, model: keras.Model) -> None:
        variables = [
            variable.value
            for variable in model.non_trainable_variables
            if keras.backend.is_float_dtype(variable.dtype)
        ]
        if not variables:
            return
        values = [variable.read_value().numpy() for variable in variables]
        total = _sum(np.concatenate([value.ravel() for value in values]))
        ends = np.cumsum([value.size for value in values])
        means = np.split(total / strategy().num_replicas_in_sync, ends[:-1])
        for variable, mean in zip(variables, means, strict=True):
            variable.assign(mean.reshape(variable.shape))

    def _predictor(self, model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
        import tensorflow as tf

        # Not model.predict_on_batch, which gathers the answers of all processes.
        call = tf.function(lambda images: model(images, training=False))
        return lambda images: tf.nest.map_structure(np.asarray, call(tf.constant(images)))


def share() -> TensorFlowShare | None:
    """The share of this process, where it is one of several."""
    if strategy() is None:
        return None
    resolver = strategy().cluster_resolver
    hosts = resolver.cluster_spec().as_dict()["worker"]
    return TensorFlowShare(resolver.task_id, len(hosts))


def strategy():
    """The strategy of the hosts; None for this host alone."""
    return _strategies[0] if _strategies else None


@functools.cache
def _summing() -> Callable:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def total(mine):
        return strategy().reduce("SUM", strategy().run(tf.identity, (mine,)), axis=None)

    return total


def _sum(mine) -> np.ndarray:
    """The sum over all devices of rows of numbers, of which each gives its host's."""
    return _summing()(np.asarray(mine, "float32")).numpy()


@contextlib.contextmanager
def group(cluster: Cluster) -> Iterator[None]:
    """Be the process of this host; all but the leading one are silent."""
    task = {"type": "worker", "index": cluster.index}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": cluster.addresses}, "task": task})
    import tensorflow as tf

    class Strategy(tf.distribute.MultiWorkerMirroredStrategy):
        def reduce(self, reduce_op, value, axis):
            """Of what Keras 3.15 asks for and this strategy refuses, the share of this process.

            That is a batch, of which Keras wants the shapes, and along an axis the scalars that a
            step gives; at the end of an epoch it reads the metrics, which gathers all shares.
            """
            if isinstance(value, tuple) or axis is not None:
                return tf.nest.map_structure(
                    lambda one: self.experimental_local_results(one)[0], value
                )
            return super().reduce(reduce_op, value, axis)

    _strategies.append(Strategy())
    with silent(cluster.index > 0):
        yield
    share().wait()  # who leaves early is missed by the others


def distribute(dataset, rows: int):
    """A tf.data.Dataset of this process's rows, `rows` a batch, for its devices to train on."""
    import tensorflow as tf

    each = rows // len(strategy().extended.worker_devices)
    dataset = dataset.rebatch(each, drop_remainder=True)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return strategy().distribute_datasets_from_function(lambda _: dataset.with_options(options))


def join(optimizer) -> None:
    """Let an optimiser that several devices share clip and add up as that of one device does.

    Keras clips what each device has of the gradients before their sum, and chooses between adding
    up and updating by a condition on each device, in which TensorFlow lets no devices meet. Here
    they meet before both.

    Args:
        optimizer: built, within the scope of its strategy; changed. One without scaling of losses.
    """
    import tensorflow as tf

    clip, own = optimizer._clip_gradients, optimizer._backend_apply_gradients
    steps = optimizer.gradient_accumulation_steps

    def clipped(grads: list) -> list:
        replica = tf.distribute.get_replica_context()
        count = replica.num_replicas_in_sync
        return [g / count for g in clip(replica.all_reduce("SUM", grads))]

    if optimizer.clipnorm or optimizer.global_clipnorm or optimizer.clipvalue:
        optimizer._clip_gradients = clipped
    if not steps:
        return

    def apply(grads: list, variables: list) -> None:
        if tf.__internal__.distribute.strategy_supports_no_merge_call():
            own(grads, variables)  # GPUs within XLA may meet anywhere
            return
        places = [optimizer._get_variable_index(variable) for variable in variables]
        sums = [optimizer._accumulated_gradients[place] for place in places]

        def update(grads: list) -> None:
            means = [(g + total) / steps for g, total in zip(grads, sums, strict=True)]
            means = optimizer._clip_gradients(means)
            optimizer._apply_weight_decay(variables)
            optimizer._backend_update_step(means, variables, optimizer.learning_rate)
            optimizer._backend_reset_gradient_accumulators()

        def add(grads: list) -> None:
            optimizer._backend_increment_gradient_accumulators(grads, sums)

        def choose(strategy, grads: list) -> None:
            each = strategy.extended.call_for_each_replica
            updates = (optimizer._iterations + 1) % steps == 0
            tf.cond(updates, lambda: each(update, args=(grads,)), lambda: each(add, args=(grads,)))

        tf.distribute.get_replica_context().merge_call(choose, args=(grads,))
        if optimizer.use_ema:
            optimizer._update_model_variables_moving_average(optimizer._trainable_variables)

    optimizer._backend_apply_gradients = apply


def is_loss(error: Exception) -> bool:
    """Whether TensorFlow says by `error` that another process is gone."""
    import tensorflow as tf

    gone = (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
    )
    return isinstance(error, gone)
