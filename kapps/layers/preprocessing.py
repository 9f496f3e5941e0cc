"""The normalisation inside every network, and the facts about its input that travel with it."""

from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Preprocessing:
    """What a network was trained on: `(x - mean) / std` for RGB values x in [0, 255].

    Attributes:
        mean, std: one number a channel, in units of [0, 255].
        bgr: whether the reference takes the channels in the order blue, green, red.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bgr: bool = False

    def for_channels(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation for an image of `channels`: RGB as it is, otherwise the average."""
        if channels == 3:
            return self.mean, self.std
        return (sum(self.mean) / 3,) * channels, (sum(self.std) / 3,) * channels


PREPROCESSING = {
    "tensorflow": Preprocessing((127.5,) * 3, (127.5,) * 3),
    "torch": Preprocessing(
        tuple(255 * m for m in (0.485, 0.456, 0.406)), tuple(255 * s for s in (0.229, 0.224, 0.225))
    ),
    # Caffe's ImageNet mean, no deviation; its blobs hold blue first.
    "caffe": Preprocessing((123.68, 116.779, 103.939), (1.0,) * 3, bgr=True),
    "clip": Preprocessing(
        tuple(255 * m for m in (0.48145466, 0.4578275, 0.40821073)),
        tuple(255 * s for s in (0.26862954, 0.26130258, 0.27577711)),
    ),
    # BN-Inception as Caffe trained it.
    "caffe128": Preprocessing((128.0, 117.0, 104.0), (1.0,) * 3, bgr=True),
    # SSD's VGG, as torchvision has it; red first.
    "ssd": Preprocessing(tuple(255 * m for m in (0.48235, 0.45882, 0.40784)), (1.0,) * 3),
    # EfficientNet-Lite: raw pixels become int8 by a change of zero point alone.
    "lite": Preprocessing((127.0,) * 3, (128.0,) * 3),
    # keras.applications.EfficientNetV2 S, M and L.
    "tensorflow128": Preprocessing((128.0,) * 3, (128.0,) * 3),
    "cifar10": Preprocessing(  # of the 50,000 training images
        tuple(255 * m for m in (0.4914, 0.4822, 0.4465)),
        tuple(255 * s for s in (0.2470, 0.2435, 0.2616)),
    ),
    "unit": Preprocessing((0.0,) * 3, (255.0,) * 3),
    "identity": Preprocessing((0.0,) * 3, (1.0,) * 3),
}


@keras.saving.register_keras_serializable(package="kapps")
class Normalize(keras.layers.Rescaling):
    """`x * scale + offset` with one scale and offset a channel, in either data format.

    It is Keras's `Rescaling` with two additions: `offset` may be per channel when channels come
    first (Keras broadcasts it along the width there), and `spec` carries what machines need to
    know about the input (see `spec_of`) through `.keras` files.

    Args:
        scale, offset: a number, or one number a channel.
        data_format: "channels_last" or "channels_first".
        spec: JSON-able facts about the model's input.
    """

    def __init__(self, scale, offset=0.0, data_format=None, spec=None, **kwargs):
        super().__init__(scale, offset, **kwargs)
        self.data_format = data_format or keras.config.image_data_format()
        self.spec = dict(spec or {})

    def call(self, inputs):
        x = keras.ops.cast(inputs, self.compute_dtype)
        return x * self._per_channel(self.scale) + self._per_channel(self.offset)

    def _per_channel(self, values):
        values = keras.ops.convert_to_tensor(values, self.compute_dtype)
        if len(values.shape) and self.data_format == "channels_first":
            values = keras.ops.reshape(values, (-1, 1, 1))
        return values

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"data_format": self.data_format, "spec": self.spec}


def normalize(x, preprocessing: Preprocessing, data_format: str, spec: dict):
    """Apply the normalisation of a network to its input tensor, as the layer `preprocessing`."""
    channels = x.shape[-1 if data_format == "channels_last" else 1]
    mean, std = preprocessing.for_channels(channels)
    scale, offset = [1.0 / s for s in std], [-m / s for m, s in zip(mean, std, strict=True)]
    if len(set(scale)) == len(set(offset)) == 1:  # one multiply-add for the phone
        scale, offset = scale[0], offset[0]
    return Normalize(scale, offset, data_format, spec, name="preprocessing")(x)


def spec_of(model: keras.Model) -> dict:
    """The facts about a model's input that its `Normalize` layer carries.

    Returns:
        {"application", "flavor", "arguments", "size", "crop_pct", "interpolation", "mean", "std"};
        mean and std in units of [0, 255].

    Raises:
        ValueError: the model has no `Normalize` layer (built elsewhere, or without preprocessing).
    """
    for layer in model.layers:
        if isinstance(layer, Normalize):
            return dict(layer.spec)
    raise ValueError(
        f"model {model.name!r} does not carry its preprocessing; expected a kapps application "
        "built with include_preprocessing=True: pass the application's name instead of the model"
    )
