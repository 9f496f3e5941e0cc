"""Train what a detector has new on kept maps: the frozen network below sees each picture once."""

import os
from collections.abc import Iterator, Sequence

import keras
import numpy as np

from kapps.errors import SettingsError
from kapps.layers import Network
from kapps.tasks import Task
from kapps.tasks.trainee import Trainee
from kapps.training import progress

SHARE = 0.5  # of the machine's memory that maps may take
UNKNOWN = 1 << 33  # bytes of memory where the system does not say


class OnMaps:
    """A task whose network trains on maps in place of pictures; all else is the task's.

    Args:
        task: what is learnt.
        images: how many pictures there are to train on.
        batch_size: of them a step.
        seed: of their order.
    """

    def __init__(self, task: Task, images: int, batch_size: int, seed: int):
        self.task, self.images, self.batch_size, self.seed = task, images, batch_size, seed
        self.below: keras.Model | None = None

    def __getattr__(self, name: str):
        return getattr(self.task, name)

    def trainee(self, network: keras.Model) -> keras.Model:
        """That of the task, which takes the maps of the frozen layers."""
        model = self.task.trainee(network)
        inner = model.network if isinstance(model, Trainee) else model
        self.below, above = parted(inner, self.task.fresh(network))
        if not isinstance(model, Trainee):
            return above
        model.network = above
        return model

    def batches(self, train) -> "KeptMaps":
        """What the frozen layers say of all pictures of `train`, which are looked at once.

        Raises:
            SettingsError: it does not fit into memory.
        """
        sizes = [4 * int(np.prod(x.shape[1:])) for x in self.below.outputs]
        needed, most = self.images * sum(sizes), SHARE * _memory()
        if needed > most:
            raise SettingsError(
                f"the maps of {self.images} pictures take {needed / 1e9:.1f} GB, more than "
                f"{most / 1e9:.1f} GB, {SHARE:.0%} of the memory here; use epochs_maps=0, or a "
                "smaller size."
            )
        train = self.task.batches(train)
        return KeptMaps.of(self.below, train, self.images, self.batch_size, self.seed)


def parted(
    network: keras.Model, new: Sequence[keras.layers.Layer]
) -> tuple[keras.Model, keras.Model]:
    """A functional network in two, which share its layers.

    Args:
        network: functional. new: some of its layers.

    Returns:
        (below, above): what does not depend on the new layers, which ends in maps, and the rest,
        which takes a tuple of them.

    Raises:
        SettingsError: nothing is below the new layers.
    """
    fresh = {id(layer) for layer in new}
    known, taken = {id(x) for x in network.inputs}, {}
    by_depth = network._nodes_by_depth
    for depth in sorted(by_depth, reverse=True):
        for node in by_depth[depth]:
            if node.is_input:
                continue
            if id(node.operation) not in fresh and all(id(x) in known for x in node.input_tensors):
                known.update(id(x) for x in node.output_tensors)
            else:
                taken.update({id(x): x for x in node.input_tensors if id(x) in known})
    maps = tuple(taken.values())
    if not maps or any(x is one for x in maps for one in network.inputs):
        raise SettingsError(
            f"{network.name} has no layers below its new ones that could stay frozen; use "
            "epochs_maps=0."
        )
    below = Network(network.input, maps, name=f"{network.name}_below")
    return below, Network(maps, network.output, name=network.name)


class KeptMaps:
    """Maps and annotations as training data of `engine.fit`.

    Args:
        maps: arrays (pictures, ...). truth: an array or a dictionary of arrays (pictures, ...).
        batch_size: pictures a step, fewer where there are fewer.
        seed: of the order.
    """

    def __init__(self, maps: list[np.ndarray], truth, batch_size: int, seed: int):
        self.maps, self.truth, self.seed = maps, truth, seed
        self.batch_size = min(batch_size, len(maps[0]))
        self.steps = len(maps[0]) // self.batch_size

    @classmethod
    def of(cls, below: keras.Model, train, images: int, batch_size: int, seed: int) -> "KeptMaps":
        """What `below` says of the pictures of `train`, (pictures, annotations) in batches."""
        maps, truths, size = None, [], train.batch_size
        with progress.bar("maps of the images to train on", images) as advance:
            done = 0
            for pixels, truth in train:
                pixels, count = np.asarray(pixels), len(pixels)
                padding = [(0, size - count)] + [(0, 0)] * (pixels.ndim - 1)
                said = below.predict_on_batch(np.pad(pixels, padding, "edge"))
                said = [np.asarray(x)[:count] for x in keras.tree.flatten(said)]
                if maps is None:
                    maps = [np.empty((images, *x.shape[1:]), x.dtype) for x in said]
                for kept, x in zip(maps, said, strict=True):
                    kept[done : done + count] = x
                truths.append(keras.tree.map_structure(np.asarray, truth))
                done += count
                advance(count)
        if not done:
            raise ValueError("there are no images to train on; check the data setting.")
        # Fewer than announced where a file turns out damaged.
        truth = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *truths)
        return cls([kept[:done] for kept in maps], truth, batch_size, seed)

    def epoch(self, number: int) -> Iterator[tuple]:
        """Full batches in an order that depends on the seed and the epoch."""
        order = np.random.default_rng((self.seed, number)).permutation(len(self.maps[0]))
        for step in range(self.steps):
            rows = np.sort(order[step * self.batch_size : (step + 1) * self.batch_size])
            maps = tuple(kept[rows] for kept in self.maps)
            yield maps, keras.tree.map_structure(lambda one, at=rows: one[at], self.truth)


def _memory() -> int:
    """Bytes that the machine has."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", ()):
        return UNKNOWN
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
