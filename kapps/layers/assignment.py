"""DETR's matching as a layer, which leaves the backend for scipy."""

import keras
from keras import ops

from kapps.detection.optimal import assign
from kapps.layers import kernels


@keras.saving.register_keras_serializable(package="kapps")
class OptimalAssignment(keras.layers.Layer):
    """The query of each truth, see `kapps.detection.optimal.assign`; it passes no gradient.

    The work is done on the host in numpy, on every backend, also within a compiled step. TensorFlow
    cannot compile a step with it by XLA, which Keras is told.

    Call arguments:
        inputs: [costs, classes], (batch, N, Q) and (batch, N) with -1 for padding.

    Returns:
        (batch, N) int32, -1 for padding.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        costs, classes = inputs
        costs = ops.stop_gradient(ops.cast(costs, "float32"))
        classes = ops.cast(classes, "int32")
        return kernels.on_host(assign, (costs, classes), costs.shape[:2], "int32")

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(tuple(inputs[0].shape[:2]), "int32")
