"""Cross-entropy for class numbers and for mixed labels alike, with label smoothing."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kapps")
class CrossEntropy(keras.losses.Loss):
    """Mean cross-entropy between labels and class probabilities.

    Labels are class numbers (batch,) or rows of probabilities (batch, classes), as mixup makes
    them; Keras's own sparse loss knows no smoothing and its categorical loss no class numbers.

    Args:
        label_smoothing: 0..1, the share of the label that is spread over all classes
            (Szegedy et al., 2016, arXiv:1512.00567, section 7).
        from_logits: True when the model ends without softmax.
    """

    def __init__(
        self, label_smoothing: float = 0.0, from_logits: bool = False, name: str = "cross_entropy"
    ):
        super().__init__(name=name)
        self.label_smoothing = label_smoothing
        self.from_logits = from_logits

    def call(self, y_true, y_pred):
        """Loss of each image, shape (batch,)."""
        y_pred = ops.cast(y_pred, "float32")  # half precision has no room for small probabilities
        classes = y_pred.shape[-1]
        if len(y_true.shape) < 2:
            y_true = ops.one_hot(ops.cast(y_true, "int32"), classes, dtype=y_pred.dtype)
        y_true = ops.cast(y_true, y_pred.dtype)
        if self.label_smoothing:
            y_true = y_true * (1.0 - self.label_smoothing) + self.label_smoothing / classes
        return ops.categorical_crossentropy(y_true, y_pred, from_logits=self.from_logits)

    def get_config(self) -> dict:
        return {
            "name": self.name,
            "label_smoothing": self.label_smoothing,
            "from_logits": self.from_logits,
        }
