"""ReLUs that never answer: units that are zero for every picture, and learn nothing any more."""

import dataclasses
from collections.abc import Iterable

import keras
import numpy as np
from keras import ops

from kapps.inspect.running import channels_first
from kapps.layers import Network

PICTURES = 256  # that are looked at, at most
RELUS = ("relu", "relu6")


@dataclasses.dataclass(frozen=True)
class Dead:
    """Of the ReLUs of a network.

    Attributes:
        shares: name of a layer -> share of its units (channels) that were zero everywhere.
        pictures: how many were looked at.
    """

    shares: dict[str, float]
    pictures: int


class Units:
    """A look at the ReLUs of a network, in a network that ends in the highest answer of each unit.

    Args:
        network: functional.
    """

    def __init__(self, network: keras.Model):
        self.layers, self.watched = [], None
        if len(getattr(network, "inputs", None) or ()) != 1:
            return
        self.layers = [layer for layer in network.layers if _is_relu(layer)]
        if not self.layers:
            return
        first, highest = channels_first(network), []
        for layer in self.layers:
            x = layer.output
            units = 1 if first and len(x.shape) == 4 else len(x.shape) - 1
            places = [i for i in range(1, len(x.shape)) if i != units]
            highest.append(ops.amax(x, axis=places) if places else x)
        self.watched = Network(network.inputs[0], highest, name="watched")
        self.shape = tuple(network.inputs[0].shape[1:])

    def look(self, batches: Iterable[tuple]) -> Dead | None:
        """Which units never answer to the first of `batches`.

        Args:
            batches: of (pictures, ...), as a judge has them.

        Returns:
            None without a ReLU, and where pictures are not what the network itself takes.
        """
        if self.watched is None:
            return None
        largest, count = None, 0
        for pictures, *_ in batches:
            if getattr(pictures, "shape", (0,))[1:] != self.shape:
                return None
            rows = self.watched.predict_on_batch(np.asarray(pictures))
            rows = [rows] if len(self.layers) == 1 else rows  # Keras unpacks a list of one
            highest = [np.max(one, axis=0) for one in rows]
            largest = highest if largest is None else list(map(np.maximum, largest, highest))
            count += len(pictures)
            if count >= PICTURES:
                break
        if largest is None:
            return None
        names = [layer.name for layer in self.layers]
        shares = [float(np.mean(one <= 0)) for one in largest]
        return Dead(dict(zip(names, shares, strict=True)), count)


def _is_relu(layer) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope and not layer.threshold
    activation = getattr(layer, "activation", None)
    return getattr(activation, "__name__", "") in RELUS
