"""What `watch` measures at the end of each epoch: gradients, weights, units; and what it means."""

import math
from collections.abc import Iterable

import keras
import numpy as np

from kapps.inspect import signs, units
from kapps.training import gradients
from kapps.training.state import to_numpy
from kapps.training.tensorboard import Writer


class Health:
    """Looks at a network while it trains.

    Make it after the model is compiled and before a backup is restored: it has variables.

    Args:
        model: what trains, compiled, its optimiser built.
        network: what is inside `model`, with the layers that have names.
        alone: whether this process trains by itself; only then units are looked at.
    """

    def __init__(self, model: keras.Model, network: keras.Model, alone: bool = True):
        self.variables = list(model.trainable_variables)
        self.norms = gradients.Norms(model)
        self.units = units.Units(network) if alone else None
        self.said: set[str] = set()

    def look(
        self, row: dict, pictures: Iterable[tuple] | None, writer: Writer | None = None
    ) -> list[str]:
        """Measure after an epoch.

        Args:
            row: of the history.
            pictures: batches to judge by, whose first show which units answer; None for none.
            writer: where the numbers go.

        Returns:
            Warnings, each kind once.
        """
        lengths = self.norms.take()
        weights = {variable.path: to_numpy(variable) for variable in self.variables}
        dead = self.units.look(pictures) if self.units and pictures is not None else None
        if writer:
            self._write(writer, row, lengths, weights, dead)
        found = {}
        if lengths:
            relative = signs.relative(lengths.each, weights)
            found["exploding"] = signs.exploding(lengths.usual, lengths.largest, relative)
            found["vanishing"] = signs.vanishing(relative)
        if dead:
            found["dying"] = signs.dying(dead.shares, dead.pictures)
        new = {kind: text for kind, text in found.items() if text and kind not in self.said}
        self.said |= set(new)
        return list(new.values())

    def _write(self, writer: Writer, row: dict, lengths, weights: dict, dead) -> None:
        step, stage = row["epoch"], row["stage"]
        numbers = {}
        if lengths:
            numbers = {f"{stage}/gradients/{path}": v for path, v in lengths.each.items()}
            numbers[f"{stage}/gradient_norm"] = lengths.usual
            numbers[f"{stage}/gradient_norm_largest"] = lengths.largest
        if dead:
            numbers |= {f"{stage}/dead_units/{name}": v for name, v in dead.shares.items()}
        writer.add(step, {tag: value for tag, value in numbers.items() if math.isfinite(value)})
        finite = {p: w for p, w in weights.items() if w.size and np.isfinite(w).all()}
        writer.add_histograms(step, {f"{stage}/weights/{p}": w for p, w in finite.items()})
