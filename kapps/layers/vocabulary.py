"""The names that an open-vocabulary detector looks for, as a layer of its network."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kapps.layers.initializers import initializer

VOCABULARY = "vocabulary"  # the layer's name in every network


@keras.saving.register_keras_serializable(package="kapps")
class Vocabulary(keras.layers.Layer):
    """An embedding for each name, the same for every image, which training leaves as it is.

    `kapps.set_vocabulary` fills it with what a text encoder says of names; before, it is zeros. So
    a saved network needs no encoder: "prompt then detect".

    Source: YOLO-World (Cheng et al., 2024, arXiv:2401.17270), section 3.1 and figure 2c.

    Args:
        count: of names.
        channels: of an embedding.
        encoder: the kind of text encoder, of `kapps.detection.vocabulary.ENCODERS`.

    Input: anything of a batch. Output: (batch, count, channels).
    """

    def __init__(self, count: int, channels: int, encoder: str = "clip", **kwargs):
        super().__init__(**{"name": VOCABULARY, **kwargs})
        self.count, self.channels, self.encoder = count, channels, encoder

    def build(self, input_shape):  # noqa: ARG002
        self.embeddings = self.add_weight(
            shape=(self.count, self.channels),
            initializer=initializer("zeros"),
            trainable=False,
            name="embeddings",
        )

    def call(self, inputs):
        embeddings = ops.cast(self.embeddings, self.compute_dtype)
        return ops.broadcast_to(embeddings, (ops.shape(inputs)[0], *self.embeddings.shape))

    @property
    def is_empty(self) -> bool:
        """Whether nobody has said yet what to look for."""
        return not ops.convert_to_numpy(self.embeddings).any()

    def values(self, names: list[str], said: Any) -> list[np.ndarray]:
        """The weights, in the order of `self.weights`, that hold these names.

        Args:
            names: what to look for; as many as a layer will have that may not be this one.
            said: what an encoder says of them.

        Raises:
            ValueError: it has another shape, or numbers that are none.
        """
        rows = np.asarray(said, "float32")
        if rows.shape != (len(names), self.channels):
            raise ValueError(
                f"the embeddings of {len(names)} names have the shape {rows.shape}; expected "
                f"({len(names)}, {self.channels}): of an encoder like the one of training"
            )
        if not np.isfinite(rows).all():
            raise ValueError("the embeddings have numbers that are not finite")
        return [rows]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs.shape[0], self.count, self.channels), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "count": self.count,
            "channels": self.channels,
            "encoder": self.encoder,
        }


def vocabulary_of(model: keras.Model) -> keras.layers.Layer | None:
    """The layer that holds what a network looks for; None where that is fixed."""
    return next((x for x in getattr(model, "layers", ()) if x.name == VOCABULARY), None)
