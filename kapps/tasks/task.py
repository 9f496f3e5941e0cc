"""The protocol: what a task tells the engine, the commands and the reports."""

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kapps.data import View
from kapps.runs import Metric
from kapps.tasks.findings import Finding

if TYPE_CHECKING:  # what a phone's file answers is judged without Keras
    import keras


class Task:
    """What is learnt, in one object.

    A subclass is a task; its constructor takes its settings by name, with defaults, and these are
    the settings of `kapps train` that the task has. What a loss needs beyond an answer and its
    annotation belongs into a `kapps.tasks.trainee.Trainee`.

    Attributes:
        head: which networks it trains, by the `task` of their application.
        epochs: of the whole network in `kapps finetune`, unless told.
        annotation: what `kapps.data.load` gives beside a picture: "class", "labels", "values",
            "boxes", "objects", "mask".
        views: how many independently augmented views of a picture a batch holds, or a
            `kapps.data.View` for each; with more than one, a batch is a tuple of them.
        activation: at the end of a network that is built for the task; None for none.
        metrics: what a model is judged by, the best for ranking epochs first. Of those with
            `trained`, Keras measures one of the same name on the training batches.
        counted: what there are as many of as the network has outputs, for messages.
        becomes: the name of the task that a trained model has, where it is another.
        mixes: whether the annotations of two pictures may be mixed, see `kapps.data.mixing.KINDS`.
        on_features: whether a classifier may be trained on what the frozen network below it said.
    """

    head: str = "classification"
    epochs: int = 5
    annotation: str = "class"
    views: int | Sequence[View] = 1
    activation: str | None = "softmax"
    metrics: tuple[Metric, ...] = ()
    counted: str = "classes"
    becomes: str | None = None
    mixes: bool = False
    on_features: bool = True

    @classmethod
    def settings(cls) -> tuple[str, ...]:
        """The names of the settings that the task has."""
        return tuple(inspect.signature(cls).parameters)

    def see(self, annotations: np.ndarray, names: Sequence[str]) -> None:
        """Learn what the pictures to train on say about the task: counts of classes, units.

        Called once, before everything below.

        Args:
            annotations: of the pictures to train on, one each.
            names: of the outputs.
        """

    def complete(self, network: "keras.Model") -> "keras.Model":
        """The network with what the task puts behind its outputs; by default nothing.

        Args:
            network: functional; ends in an output for each name, and may have further outputs that
                only training uses.
        """
        return network

    def answering(self, network: "keras.Model") -> "keras.Model":
        """The part of a network that answers, without an optimizer: it is judged and saved.

        By default that of the first output; the others are for training only.

        Args:
            network: what `complete` gave.
        """
        from kapps.layers import Network

        return Network(network.input, network.outputs[0], name=network.name)

    def fresh(self, network: "keras.Model") -> Sequence["keras.Layer"]:  # noqa: ARG002
        """Layers that the task has put on a pretrained network: they train with their BatchNorm
        whatever else is frozen. By default none: the classifier, the last layer, has its own rule.
        """
        return ()

    def batches(self, train):
        """What `fit` trains on, by default `train`; see `kapps.training.engine.EpochData`."""
        return train

    def trainee(self, network: "keras.Model") -> "keras.Model":
        """What `fit` trains: `network` itself, or a model around it that shares its variables."""
        return network

    def compiled(self, network: "keras.Model") -> dict:
        """`loss` and `metrics` for `compile` of the trainee; {} where it has its own."""
        raise NotImplementedError

    def judge(self, network: "keras.Model", data, advance: Callable | None = None) -> dict:
        """`loss` and the numbers of `metrics`, measured on all of `data`.

        Args:
            network: what `complete` gave.
            data: an iterable of (pictures, annotations) with `batch_size`.
            advance: called with the number of pictures after each batch.
        """
        raise NotImplementedError

    def examine(
        self, network: "keras.Model", data, advance: Callable | None = None
    ) -> tuple[dict, Callable[[Sequence[str]], list[Finding]]]:
        """What `judge` says, and a function that says what a report shows of the same answers.

        Args:
            network, data, advance: see `judge`.

        Returns:
            (numbers, findings): `findings(names)`, with the names of the outputs, is called where
            somebody looks; by default it has nothing to show.
        """
        return self.judge(network, data, advance), lambda _names: []
