"""What `fit` trains where a loss needs more than an answer and its annotation."""

import keras
from keras import ops


class Trainee(keras.Model):
    """A network with more around it than a loss of answers: teachers, several views, side outputs.

    A subclass overrides `call` or `compute_loss`. Keras's own `train_step` then serves on every
    backend, with its distribution, mixed precision, accumulation and averaging. A variable that is
    not trained belongs to a layer with `trainable=False`, and is updated in `call(training=True)`.
    """

    def __init__(self, network: keras.Model):
        super().__init__(name=network.name)
        self.network = network
        self.built = True

    def call(self, inputs, training=None):
        return self.network(inputs, training=training)


class Sided(Trainee):
    """A network whose first output is the classifier and whose others help it to learn."""

    def __init__(self, network: keras.Model, weight: float):
        super().__init__(network)
        self.weight = weight

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        main, *sides = y_pred
        total = super().compute_loss(x, y, main, sample_weight, training)
        side = ops.sum(ops.stack([self._compile_loss(y, one, sample_weight) for one in sides]))
        return total + self.weight * side

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred[0], sample_weight)
