"""Several JAX processes, one a host: one program over all their devices.

Keras's distribution makes arrays that lie on all hosts, and a step computes the loss, the gradients
and BatchNorm's statistics of the whole batch: nothing is left to average. What one process does
alone it does on what it holds of them.
"""

import contextlib
from collections.abc import Callable, Iterator

import keras
import numpy as np

from kapps.training.hosts import Cluster
from kapps.training.replicas import Share, silent

# Of messages of the collectives (gloo, NCCL) and of the service that listens for heartbeats.
LOSS = ("Gloo", "NCCL", "heartbeat", "coordination", "UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED")


class JaxShare(Share):
    """The share of one of several JAX processes."""

    def told(self, value: bool) -> bool:
        from jax.experimental import multihost_utils

        return bool(multihost_utils.broadcast_one_to_all(np.float32(value)))

    @contextlib.contextmanager
    def at_home(self, model: keras.Model) -> Iterator[None]:
        kept = [(variable, variable.value) for variable in model.variables]
        for variable, value in kept:
            variable._value = at_home(value)
        try:
            yield
        finally:
            for variable, value in kept:
                variable._value = value

    def _predictor(self, model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
        import jax

        def answer(trainable, other, images):
            return model.stateless_call(trainable, other, images, training=False)[0]

        compiled = jax.jit(answer)

        def predict(images: np.ndarray) -> np.ndarray:
            with alone():
                state = [
                    [at_home(variable.value) for variable in variables]
                    for variables in (model.trainable_variables, model.non_trainable_variables)
                ]
                return jax.tree.map(np.asarray, compiled(*state, images))

        return predict


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """What is computed inside, this process computes on its own devices."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def at_home(value):
    """What this process holds of an array on all hosts, as an array of its own: no copy.

    A network is cut within a host at most, see `layouts`: each host holds all of it. Anything but
    such an array is returned as it is.
    """
    import jax

    if not isinstance(value, jax.Array) or value.is_fully_addressable:
        return value
    mesh, spec = value.sharding.mesh, value.sharding.spec
    if mesh.devices.ndim == 1:  # a whole copy on each
        return value.addressable_data(0)
    # A row of the mesh, which holds one copy of the network, that lies here.
    here = next(row for row in mesh.devices if row[0].process_index == jax.process_index())
    local = jax.sharding.NamedSharding(jax.sharding.Mesh(here[None], mesh.axis_names), spec)
    mine = {shard.device: shard.data for shard in value.addressable_shards}
    return jax.make_array_from_single_device_arrays(value.shape, local, [mine[d] for d in here])


def share() -> JaxShare | None:
    """The share of this process, where it is one of several."""
    import jax

    if not jax.distributed.is_initialized() or jax.process_count() < 2:
        return None
    return JaxShare(jax.process_index(), jax.process_count())


@contextlib.contextmanager
def group(cluster: Cluster) -> Iterator[None]:
    """Be the process of this host; all but the leading one are silent.

    keras.distribution.initialize does the same and more: it draws a seed for all, which the
    settings have, and lets JAX use one device a process under SLURM, which we use otherwise.
    """
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if cluster.count:
        jax.distributed.initialize(
            cluster.addresses[0],
            cluster.count,
            cluster.index,
            cluster_detection_method="deactivate",
        )
    else:
        jax.distributed.initialize()
    with silent(jax.process_index() > 0):
        yield
    jax.distributed.shutdown()


def is_loss(error: Exception) -> bool:
    """Whether JAX says by `error` that another process is gone."""
    import jax

    return isinstance(error, jax.errors.JaxRuntimeError) and any(w in str(error) for w in LOSS)
