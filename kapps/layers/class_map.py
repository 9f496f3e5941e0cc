"""The end of every segmenter: classes for each pixel of the image."""

from keras import layers

from kapps.layers.blocks import CHANNELS_LAST, Blocks
from kapps.layers.resizing import BilinearResizeTo


def class_map(
    x, nn: Blocks, image_size: tuple[int, int], activation: str | None, *, prefix: str = ""
):
    """Logits of any size as scores at the size of the image, float32, channels last.

    They are channels last in either data format: a pixel's classes are its answer. Adds the layers
    `<prefix>logits`, what losses take, and `<prefix>scores`, where there is an activation.

    Args:
        x: logits, in the network's data format.
        image_size: height and width.
        activation: "softmax", "sigmoid" or None.
    """
    first = nn.data_format != CHANNELS_LAST
    name = f"{prefix}logits"
    resize = BilinearResizeTo(
        image_size,
        data_format=nn.data_format,
        dtype="float32",
        name=f"{name}_resize" if first else name,
    )
    x = resize(x)
    if first:
        x = layers.Permute((2, 3, 1), dtype="float32", name=name)(x)
    if activation is None:
        return x
    return layers.Activation(activation, dtype="float32", name=f"{prefix}scores")(x)
