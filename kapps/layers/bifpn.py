"""EfficientDet's neck: maps go down and up, weighted by how much they say."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from kapps.layers.blocks import Blocks
from kapps.layers.necks import fitting, halved, upsample_to


@keras.saving.register_keras_serializable(package="kapps")
class WeightedSum(keras.layers.Layer):
    """Tensors of one shape, added with a learnt weight each: "fast normalised fusion".

    The weights are not negative and add up to nearly 1. Source: EfficientDet (Tan et al., 2020,
    arXiv:1911.09070), section 3.3.

    Args:
        epsilon: added to the sum of the weights.
    """

    def __init__(self, epsilon=1e-4, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(len(input_shape),), initializer="ones", name="weight")

    def call(self, inputs):
        weights = ops.relu(self.weight)
        weights = weights / (ops.sum(weights) + self.epsilon)
        return sum(x * weights[i] for i, x in enumerate(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return super().get_config() | {"epsilon": self.epsilon}


def bifpn(
    maps: dict,
    nn: Blocks,
    filters: int,
    repeats: int,
    *,
    weighted: bool = True,
    name: str = "bifpn",
) -> dict:
    """`repeats` times down and up the pyramid, with a separable convolution after each meeting.

    Source: EfficientDet, figure 3d and section 3.3, as its code has it: the first time, a map of
    another number of channels is made to fit by a 1x1 convolution and a normalisation for each of
    its readers; the activation comes before the separable convolution.

    Args:
        maps: level -> tensor, without gaps between levels; see `add_downsampled_levels`.
        nn: the conventions.
        filters: channels of all maps. repeats: of the paper's D_bifpn.
        weighted: whether by `WeightedSum`, or plainly added as in EfficientDet-Lite.
        name: before the names of the layers.
    """
    for repeat in range(1, repeats + 1):
        maps = _once(maps, nn, filters, weighted, f"{name}_{repeat}")
    return maps


def _once(maps, nn, filters, weighted, name):
    levels = sorted(maps)

    def read(level, reader):
        x = maps[level]
        if nn.channels(x) == filters:
            return x
        return fitting(x, nn, filters, name=f"{name}_{reader}{level}_resample")

    down = {}
    x = read(levels[-1], "top_down")
    for level in levels[-2::-1]:
        here = read(level, "top_down")
        x = upsample_to(x, here, nn, name=f"{name}_upsample{level}")
        x = _met([here, x], nn, filters, weighted, name=f"{name}_top_down{level}")
        down[level] = x
    found = {levels[0]: x}
    for level in levels[1:]:
        x = halved(x, nn, name=f"{name}_pool{level}")
        parts = [read(level, "bottom_up"), *([down[level]] if level in down else []), x]
        x = found[level] = _met(parts, nn, filters, weighted, name=f"{name}_bottom_up{level}")
    return found


def _met(parts: Sequence, nn: Blocks, filters: int, weighted: bool, *, name: str):
    add = WeightedSum if weighted else layers.Add
    x = nn.act(add(name=f"{name}_add")(list(parts)), name=f"{name}_act")
    x = nn.depthwise_conv(x, 3, name=f"{name}_depthwise_conv")
    x = nn.conv(x, filters, name=f"{name}_pointwise_conv")
    return nn.norm(x, name=f"{name}_norm")
