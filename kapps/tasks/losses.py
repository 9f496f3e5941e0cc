"""Losses for class numbers, mixed labels and several labels alike, with label smoothing."""

import keras
from keras import ops


def _rows(labels, classes: int):
    """Class numbers (batch,) as rows (batch, classes); rows stay."""
    if len(labels.shape) < 2:
        return ops.one_hot(ops.cast(labels, "int32"), classes, dtype="float32")
    return ops.cast(labels, "float32")


@keras.saving.register_keras_serializable("kapps")
class CrossEntropy(keras.losses.Loss):
    """Mean cross-entropy between labels and class probabilities.

    Labels are class numbers (batch,) or rows of probabilities (batch, classes), as mixup makes
    them; Keras's own sparse loss knows no smoothing and its categorical loss no class numbers.

    Args:
        label_smoothing: 0..1, the share of the label that is spread over all classes
            (Szegedy et al., 2016, arXiv:1512.00567, section 7).
        from_logits: True when the model ends without softmax.
        gamma: of the focal loss, which multiplies each class's term by (1 - p)^gamma, so that what
            is learnt already counts less (Lin et al., 2017, arXiv:1708.02002, equation 4); 0 is
            plain cross-entropy.
        class_weights: what the term of each class counts; None for 1 each.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        from_logits: bool = False,
        name: str = "cross_entropy",
        gamma: float = 0.0,
        class_weights: list[float] | None = None,
    ):
        super().__init__(name=name)
        self.label_smoothing = label_smoothing
        self.from_logits = from_logits
        self.gamma = gamma
        self.class_weights = class_weights

    def call(self, y_true, y_pred):
        """Loss of each image, shape (batch,)."""
        y_pred = ops.cast(y_pred, "float32")  # half precision has no room for small probabilities
        classes = y_pred.shape[-1]
        y_true = _rows(y_true, classes)
        if self.label_smoothing:
            y_true = y_true * (1.0 - self.label_smoothing) + self.label_smoothing / classes
        if self.class_weights is not None:
            y_true = y_true * ops.convert_to_tensor(self.class_weights, "float32")
        if not self.gamma and self.class_weights is None:
            return ops.categorical_crossentropy(y_true, y_pred, from_logits=self.from_logits)
        p = ops.softmax(y_pred) if self.from_logits else y_pred
        p = ops.clip(p, keras.config.epsilon(), 1.0)
        terms = -y_true * ops.log(p)
        return ops.sum(terms * (1.0 - p) ** self.gamma if self.gamma else terms, axis=-1)

    def get_config(self) -> dict:
        return {
            "name": self.name,
            "label_smoothing": self.label_smoothing,
            "from_logits": self.from_logits,
            "gamma": self.gamma,
            "class_weights": self.class_weights,
        }


@keras.saving.register_keras_serializable("kapps")
class BinaryCrossEntropy(keras.losses.Loss):
    """Each class a yes or no of its own: the mean over the classes of binary cross-entropy.

    For several labels a picture. For one label with mixup it is the loss of "ResNet strikes back"
    (Wightman et al., 2021, arXiv:2110.00476, section 2); there targets above a threshold are 1.

    Args:
        label_smoothing: 0..1, the share of each row that is spread over all its classes.
        from_logits: True when the model ends without sigmoid.
        threshold: targets above it become 1, others 0; None leaves them.
        gamma: of the focal loss, see `CrossEntropy`; here (1 - p)^gamma of the right answer's p.
        class_weights: what the term of each class counts; None for 1 each.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        from_logits: bool = False,
        threshold: float | None = None,
        gamma: float = 0.0,
        class_weights: list[float] | None = None,
        name: str = "binary_cross_entropy",
    ):
        super().__init__(name=name)
        self.label_smoothing = label_smoothing
        self.from_logits = from_logits
        self.threshold = threshold
        self.gamma = gamma
        self.class_weights = class_weights

    def call(self, y_true, y_pred):
        """Loss of each image, shape (batch,)."""
        y_pred = ops.cast(y_pred, "float32")
        classes = y_pred.shape[-1]
        y_true = _rows(y_true, classes)
        if self.label_smoothing:
            y_true = y_true * (1.0 - self.label_smoothing) + self.label_smoothing / classes
        if self.threshold is not None:
            y_true = ops.cast(y_true > self.threshold, "float32")
        terms = ops.binary_crossentropy(y_true, y_pred, from_logits=self.from_logits)
        if self.gamma:
            p = ops.sigmoid(y_pred) if self.from_logits else y_pred
            terms = terms * (1.0 - (y_true * p + (1.0 - y_true) * (1.0 - p))) ** self.gamma
        if self.class_weights is not None:
            terms = terms * ops.convert_to_tensor(self.class_weights, "float32")
        return ops.mean(terms, axis=-1)

    def get_config(self) -> dict:
        return {
            "name": self.name,
            "label_smoothing": self.label_smoothing,
            "from_logits": self.from_logits,
            "threshold": self.threshold,
            "gamma": self.gamma,
            "class_weights": self.class_weights,
        }


@keras.saving.register_keras_serializable("kapps")
class ScaledError(keras.losses.Loss):
    """Errors of numbers, each divided by the scale of its number; the mean over the numbers.

    Args:
        kind: "mse", "mae" or "huber", see `kapps.tasks.regression.Regression`.
        scale: of each number, such as its deviation.
    """

    def __init__(self, kind: str, scale: list[float], name: str = "scaled_error"):
        super().__init__(name=name)
        self.kind, self.scale = kind, scale

    def call(self, y_true, y_pred):
        """Loss of each image, shape (batch,)."""
        error = ops.cast(y_pred, "float32") - ops.cast(y_true, "float32")
        size = ops.abs(error / ops.convert_to_tensor(self.scale, "float32"))
        if self.kind == "mse":
            size = ops.square(size)
        elif self.kind == "huber":
            size = ops.where(size < 1.0, 0.5 * ops.square(size), size - 0.5)
        return ops.mean(size, axis=-1)

    def get_config(self) -> dict:
        return {"name": self.name, "kind": self.kind, "scale": self.scale}
