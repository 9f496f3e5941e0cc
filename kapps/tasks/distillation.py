"""Classes learnt from the pictures' labels and from a teacher: any model that knows the classes."""

import keras
import numpy as np
from keras import ops

from kapps.errors import SettingsError
from kapps.layers import Network
from kapps.tasks import scoring, teachers
from kapps.tasks.classification import Classification
from kapps.tasks.trainee import Trainee

KINDS = ("soft", "hard", "features")


class Distillation(Classification):
    """`(1 - distill_weight)` times the loss of the labels, and `distill_weight` times that of the
    teacher.

    Args:
        teacher: an application with weights, a run folder, a `.keras` or a `.tflite` file. It sees
            the same augmented pictures as the student, at its own size.
        distill: "soft": Kullback-Leibler divergence of the probabilities softened by `temperature`,
            times its square (Hinton et al., 2015, arXiv:1503.02531, section 2); "hard": the
            teacher's answer as a label (Touvron et al., 2020, arXiv:2012.12877, equation 3);
            "features": mean square difference of what is below the two classifiers, the student's
            through a learnt linear map (Romero et al., 2014, arXiv:1412.6550, equation 3).
        distill_weight: 0..1.
        temperature: above 0; of "soft".
        **classification: see `kapps.tasks.classification.Classification`.

    Raises:
        SettingsError: a setting out of range, or a teacher that cannot teach these classes.
    """

    becomes = "classification"
    on_features = False  # every picture is augmented, and the teacher sees it so

    def __init__(
        self,
        *,
        teacher: str | None = None,
        distill: str = "soft",
        distill_weight: float = 0.5,
        temperature: float = 3.0,
        **classification,
    ):
        super().__init__(**classification)
        if distill not in KINDS:
            raise SettingsError(f"distill={distill!r} is not one of {', '.join(KINDS)}.")
        if not 0 <= distill_weight <= 1:
            raise SettingsError(f"distill_weight={distill_weight} is out of range; use 0 to 1.")
        if not temperature > 0:
            raise SettingsError(f"temperature={temperature} is out of range; use more than 0.")
        self.teacher, self.distill = teacher, distill
        self.weight, self.temperature = distill_weight, temperature

    @classmethod
    def settings(cls) -> tuple[str, ...]:
        own = ("teacher", "distill", "distill_weight", "temperature")
        return (*own, *(n for n in Classification.settings() if n != "consistency"))

    def see(self, annotations: np.ndarray, names: list[str]) -> None:
        super().see(annotations, names)
        if self.teacher is None:
            raise SettingsError(
                "teacher is missing: give --teacher an application, a run folder, a .keras or a "
                ".tflite file."
            )
        self.knows = teachers.open_teacher(self.teacher, names, self.distill)

    def batches(self, train):
        return self.knows.batches(train)

    def trainee(self, network: keras.Model) -> keras.Model:
        return Student(network, self)


class Student(Trainee):
    """A network that learns from labels and from a teacher."""

    def __init__(self, network: keras.Model, task: Distillation):
        super().__init__(network)
        self.task, self.logits = task, scoring.kind_of(network) == "logits"
        self.teacher = task.knows.model  # tracked: its variables are on every device
        if task.distill == "features":
            below = teachers.below_classifier(network, "the student")
            self.network = Network(network.input, [network.outputs[0], below.output])
            self.map = keras.layers.Dense(self.teacher.output_shape[-1], name="distill_map")
            self.map.build((None, below.output_shape[-1]))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        said, labels = self.task.knows(x, y)
        said = ops.stop_gradient(said)
        answers = self._answers(y_pred)
        own = super().compute_loss(x, labels, answers, sample_weight, training)
        w = self.task.weight
        return (1.0 - w) * own + w * self._taught(said, y_pred)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        labels = y["labels"] if isinstance(y, dict) else y
        return super().compute_metrics(x, labels, self._answers(y_pred), sample_weight)

    def _answers(self, y_pred):
        several = isinstance(y_pred, list | tuple)
        return y_pred[0] if several else y_pred

    def _taught(self, said, y_pred):
        """The loss of what the teacher said."""
        if self.task.distill == "features":
            return ops.mean(ops.square(self.map(y_pred[1]) - said))
        answers = ops.cast(self._answers(y_pred), "float32")
        if self.logits:
            logs = ops.log_softmax(answers)
        else:
            logs = ops.log(ops.clip(answers, scoring.SMALLEST, 1.0))
        if self.task.distill == "hard":
            chosen = ops.one_hot(ops.argmax(said, axis=-1), said.shape[-1], dtype="float32")
            return -ops.mean(ops.sum(chosen * logs, axis=-1))
        t = self.task.temperature
        # Logarithms of probabilities are logits up to a constant, which softmax does not see.
        soft = ops.log_softmax(ops.log(ops.clip(said, scoring.SMALLEST, 1.0)) / t)
        ours = ops.log_softmax(logs / t)
        return t * t * ops.mean(ops.sum(ops.exp(soft) * (soft - ours), axis=-1))
