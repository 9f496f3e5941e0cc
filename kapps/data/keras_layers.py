"""Keras's preprocessing layers, and KerasCV's, by name and inside tf.data.

What a batch gets depends on the seed, the epoch and the step alone: before each batch the layers'
random state is set from them. An interrupted run that goes on sees the same pictures. Layers that
draw from elsewhere cannot be set: some of KerasCV's, those with a `factor`, draw from TensorFlow's
global state, and `keras.layers.AugMix` chooses its operations once, with Python's `random`.
"""

import ast
import inspect
from typing import Any

import numpy as np

from kapps.errors import DataError, MissingPackageError

LIBRARIES = ("keras", "keras_cv")
STATES_APART = 1_000_003


def layer(library: str, call: str) -> Any:
    """A layer by name, for float pictures in [0, 255].

    Args:
        library: "keras" or "keras_cv".
        call: LAYER or LAYER(name=value, ...), with plain Python values.

    Raises:
        ValueError: no such layer, or arguments that it refuses.
        MissingPackageError: keras-cv is not installed.
        DataError: keras-cv on another backend than TensorFlow.
    """
    name, _, _ = call.partition("(")
    try:
        parsed = ast.parse(call if "(" in call else f"{call}()", mode="eval").body
        arguments = {word.arg: ast.literal_eval(word.value) for word in parsed.keywords}
        if parsed.args or None in arguments or not isinstance(parsed.func, ast.Name):
            raise ValueError
    except (SyntaxError, ValueError, AttributeError):
        raise ValueError(
            f"augment={library}:{call} is not understood; write LAYER or LAYER(name=value, ...)."
        ) from None
    layers = _library(library)
    cls = getattr(layers, name, None)
    if not inspect.isclass(cls):
        raise ValueError(f"augment={library}:{call}: {library}.layers has no layer {name!r}.")
    if "value_range" in inspect.signature(cls).parameters:
        arguments.setdefault("value_range", (0, 255))
    if "seed" in inspect.signature(cls).parameters:
        # Any but 0: each batch sets its own; without one, KerasCV shares TensorFlow's global state.
        arguments.setdefault("seed", 1)
    try:
        return cls(**arguments)
    except (TypeError, ValueError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"augment={library}:{call}: {reason}") from error


def _library(name: str) -> Any:
    import keras

    if name == "keras":
        return keras.layers
    if keras.config.backend() != "tensorflow":
        raise DataError(
            f"keras_cv layers need the TensorFlow backend, not {keras.config.backend()}; "
            "use keras:LAYER or randaugment, or set KERAS_BACKEND=tensorflow."
        )
    try:
        import keras_cv
    except ModuleNotFoundError:
        raise MissingPackageError("keras_cv: layers need KerasCV; pip install keras-cv.") from None
    return keras_cv.layers


def batch_key(*numbers: int) -> int:
    """A number in [0, 2**31) for the random state of one batch, by seed, epoch, step, ..."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


class Augmenter:
    """Applies Keras layers inside tf.data, with random numbers that depend on a key.

    Args:
        layers: applied one after the other with training=True.
        shape: (height, width, channels) of the pictures.

    Raises:
        DataError: a layer refuses such pictures.
    """

    def __init__(self, layers: list[Any], shape: tuple[int, int, int]):
        import tensorflow as tf

        self.layers = layers
        # The layers make their TensorFlow random state at their first call; it must exist before
        # the pipeline, which then sets it for each batch.
        spec = tf.TensorSpec((None, *shape), tf.float32)
        try:
            tf.function(self._call).get_concrete_function(spec)
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            names = ", ".join(type(layer).__name__ for layer in layers)
            raise DataError(
                f"augment: {names} cannot change pictures of shape {shape} (height, width, "
                "channels); use other layers, or a model for such pictures as they take."
            ) from error
        self.states = _random_states(layers)

    def _call(self, images: Any) -> Any:
        for layer in self.layers:
            images = layer(images, training=True)
        return images

    def __call__(self, images: Any, key: Any) -> Any:
        """uint8 [B, H, W, C] and an int64 key -> uint8 [B, H, W, C]. For `Dataset.map`."""
        import tensorflow as tf

        shape = images.shape
        self._set_states(key)
        images = self._call(tf.cast(images, tf.float32))
        images = tf.clip_by_value(tf.round(images), 0, 255)
        return tf.ensure_shape(tf.cast(images, tf.uint8), shape)

    def _set_states(self, key: Any) -> None:
        import tensorflow as tf

        for i, state in enumerate(self.states):
            # Apart by more than the numbers that a batch of pictures may draw.
            key, zero = key + i * STATES_APART, tf.zeros_like(key)
            # Keras: (seed, counter); TensorFlow's Philox: (counter, counter, key).
            values = [key, zero] if state.shape[0] == 2 else [zero, zero, key]
            state.assign(tf.cast(tf.stack(values), state.dtype))


def _random_states(layers: list[Any]) -> list[Any]:
    """The TensorFlow variables of all random generators in these layers and their sublayers."""
    import keras
    import tensorflow as tf

    states: dict[int, Any] = {}
    for layer in layers:
        for part in layer._flatten_layers() if isinstance(layer, keras.Layer) else ():
            for value in vars(part).values():
                # Keras keeps the generators for other backends than its own in a dictionary.
                for generator in value.values() if isinstance(value, dict) else [value]:
                    if isinstance(generator, keras.random.SeedGenerator):
                        state = getattr(generator.state, "value", None)
                    elif isinstance(generator, tf.random.Generator):  # KerasCV
                        state = generator.state
                    else:
                        continue
                    if isinstance(state, tf.Variable):
                        states[id(state)] = state
    return list(states.values())
