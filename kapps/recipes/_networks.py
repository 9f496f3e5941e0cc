"""The networks of `kapps finetune`: a pretrained one, built for pictures of several sizes."""

from collections.abc import Iterator, Sequence

import keras

from kapps.tasks import Task
from kapps.training import adapters, building, freezing, lora, resizing
from kapps.training.progress import say


class Networks:
    """A pretrained network that learns, and the same that is judged and saved.

    Args:
        settings: those of the job, resolved.
        task: what is learnt.
        source: the pretrained network.
        size: height and width of the pictures to train on.
        judged: of those to judge by.
        names: of the outputs.

    Attributes:
        model: for `size`, with the pretrained weights.
        whole: for `judged`; the same object where that is `size`.

    Raises:
        SettingsError: the network fits one size only.
    """

    def __init__(
        self,
        settings,
        task: Task,
        source: building.Pretrained,
        size: int,
        judged: int,
        names: Sequence[str],
    ):
        self.settings, self.task, self.size = settings, task, size
        self._source, self._names = source, names
        keras.utils.set_random_seed(settings.seed)
        self.model = self._built(size)
        self.whole = self.model if judged == size else self._built(judged)
        # That it fits other sizes shows here.
        resizing.take_over(self.whole, self.model)
        sizes = {stage.size for stages, *_ in self.phases() for stage in stages} - {size, judged}
        if sizes:
            resizing.take_over(self._built(min(sizes)), self.model)
        # A wrong word shows before hours of work.
        freezing.unfreeze(self.model, settings.unfreeze, fresh=task.fresh(self.model))

    def _built(self, size: int) -> keras.Model:
        network = self._source.build(size, len(self._names), self.task.activation)
        network = building.completed(network, self.task, self._names, self.settings)
        if self.settings.adapter:
            return adapters.insert(network, self.settings.adapter, self.settings.adapter_kind)
        return network

    def phases(self) -> Iterator[tuple[list[resizing.Stage], str, int]]:
        """(stages, what trains, epochs) of the trainings of the network, one after the other.

        What trains may be "none", and so the new layers alone, where no head phase trains them.

        With `gradual` it thaws from the top: first the last stage, some epochs later the one below
        it too, and so on (Howard and Ruder, 2018, arXiv:1801.06146, section 3.3).
        """
        settings = self.settings
        if settings.gradual:
            *above, _ = freezing.stages_above(self.model, settings.unfreeze)
            for name in above:
                stage = resizing.Stage(f"gradual_{name}", self.size, 0, settings.gradual, 1.0)
                yield [stage], name, settings.gradual
        if settings.epochs and (settings.unfreeze != "none" or not self.task.on_features):
            stages = resizing.planned(settings, self.size, "finetune")
            yield stages, settings.unfreeze, settings.epochs

    def thawed(self, size: int, unfreeze: str, loud: bool = False) -> keras.Model:
        """The network for pictures of `size`, with what `model` has learnt, ready to train.

        Args:
            size: height and width; `model` itself has its own.
            unfreeze: what trains, unless `lora` or `adapter` says.
            loud: whether to say what trains.
        """
        model = self.model if size == self.size else self._built(size)
        resizing.take_over(model, self.model)
        if self.settings.lora:
            frozen = lora.adapt(model, self.settings.lora)
        elif self.settings.adapter:
            frozen = adapters.unfreeze(model, self.settings.adapter_kind)
        else:
            new = self.task.fresh(model)
            frozen = freezing.unfreeze(model, unfreeze, self.settings.train_norms, new)
        if loud:
            say(f"training the network: {frozen}")
        return model
