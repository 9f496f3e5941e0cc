"""A detector as it trains: its raw outputs, and the losses of its paper."""

import dataclasses

import keras
import numpy as np
from keras import ops

from kapps.detection import objectives
from kapps.errors import SettingsError
from kapps.layers import Network, OptimalAssignment
from kapps.tasks.trainee import Trainee

ANSWERS = ("boxes", "scores", "classes", "masks", "heatmaps")
BOXES = "boxes"  # the layer that knows how a detector learns


def objective_of(network: keras.Model) -> objectives.Objective:
    """What a detector learns by.

    Raises:
        SettingsError: it is no detector of this package.
    """
    names = [layer.name for layer in network.layers]
    layer = network.get_layer(BOXES) if BOXES in names else None
    if layer is None or not hasattr(layer, "objective"):
        raise SettingsError(
            f"{network.name} does not end in the layer 'boxes' of a detector; use one of "
            "`kapps list --task detection`."
        )
    objective = objectives.of(layer)
    if objective.on_host:
        return dataclasses.replace(objective, assignment=OptimalAssignment())
    return objective


def answers_of(network: keras.Model) -> dict:
    """What a detector ends in: `boxes`, `scores` and, where it suppresses itself, `classes`."""
    there = {layer.name for layer in network.layers}
    return {name: network.get_layer(name).output for name in ANSWERS if name in there}


def _raw(network: keras.Model, objective: objectives.Objective) -> dict:
    return {name: network.get_layer(name).output for name in objective.outputs}


def with_raw_outputs(network: keras.Model) -> tuple[keras.Model, objectives.Objective]:
    """A model of all that a detector says, answers and raw outputs, and its objective."""
    objective = objective_of(network)
    outputs = answers_of(network)
    return Network(network.inputs, {**outputs, **_raw(network, objective)}), objective


class Detector(Trainee):
    """A network that learns what is where.

    Args:
        network: ends in the layers `boxes` and `scores`.
        box_weight: of all losses but that of the classes.
    """

    def __init__(self, network: keras.Model, box_weight: float = 1.0):
        self_objective = objective_of(network)
        super().__init__(self.raw(network))
        self.objective, self.box_weight = self_objective, box_weight
        self.assignment = self_objective.assignment  # a layer, which may keep a step from XLA
        self.means = [keras.metrics.Mean(name=name) for name in self_objective.parts]

    def raw(self, network: keras.Model) -> keras.Model:
        """The network with the outputs that it learns by."""
        outputs = _raw(network, objective_of(network))
        return Network(network.inputs, outputs, name=network.name)

    def parts(self, truth, said, training: bool) -> dict:  # noqa: ARG002
        """The parts of the loss by their names.

        Args:
            truth: see `Objective.losses`. said: outputs of `raw`.
        """
        return self.objective.losses(said, truth)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):  # noqa: ARG002
        parts = self.parts(y, y_pred, training)
        for mean in self.means:
            mean.update_state(parts[mean.name])
        total = weighted(parts, self.box_weight)
        for extra in self.losses:  # of regularizers
            total = total + ops.cast(extra, total.dtype)
        return total


def weighted(parts: dict, box_weight: float):
    """The sum of the parts of a loss."""
    return sum(
        value if name == "class_loss" else box_weight * value for name, value in parts.items()
    )


class Losses:
    """The means of the losses over pictures, as numbers."""

    def __init__(self, objective: objectives.Objective, box_weight: float):
        self.objective, self.box_weight = objective, box_weight
        self.sums, self.pictures = dict.fromkeys(objective.parts, 0.0), 0

    def add(self, rows: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> None:
        """Count a batch."""
        raw = {name: ops.convert_to_tensor(rows[name]) for name in self.objective.outputs}
        truth = {name: ops.convert_to_tensor(value) for name, value in truth.items()}
        count = len(rows[BOXES])
        self.pictures += count
        for name, value in self.objective.losses(raw, truth).items():
            self.sums[name] += count * float(ops.convert_to_numpy(value))

    def means(self) -> dict[str, float]:
        """`loss` and its parts."""
        parts = {name: total / max(self.pictures, 1) for name, total in self.sums.items()}
        return {"loss": weighted(parts, self.box_weight), **parts}
