"""What an architecture is made of, as a few facts that can be laid beside those of another."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable

import keras
from keras import layers

from kapps.inspect.graph import BLOCK
from kapps.inspect.layers import fixed, layer_table

NORMS = re.compile(r"(Batch|Layer|Group|Instance|RMS|Unit|Local|GlobalResponse)\w*Norm|^Affine")
ACTS = ("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "HardSwish", "HardSigmoid")


def traits(model: keras.Model, size: int | None = None) -> dict[str, str | int]:
    """Facts of a functional model, in words; a trait that it does not have is "".

    Args:
        model: with one image input.
        size: height and width in pixels, where the model leaves them open.

    Returns:
        "input", "parameters", "multiply-adds", "layers with weights" (convolutions and dense),
        "blocks" (of each stage), "kernels" (size and number of convolutions), "depthwise",
        "groups", "widths" (channels at the end of each stage or resolution, where they change),
        "activations", "normalisation", "pooling", "attention", "sums", "joins" and "receptive
        field" of the last layer that does not see everything, "16x16, then all" where attention
        follows it.

    Raises:
        ValueError: the model has no graph of layers, or leaves its size open.
    """
    model = fixed(model, size)
    table = layer_table(model)
    own = model.layers
    convolutions = [x for x in own if isinstance(x, layers.Conv2D | layers.DepthwiseConv2D)]
    depthwise = [x for x in convolutions if isinstance(x, layers.DepthwiseConv2D)]
    dense = [x for x in own if isinstance(x, layers.Dense)]
    kernels = Counter("x".join(map(str, x.kernel_size)) for x in convolutions)
    local = ["x".join(map(str, row.receptive_field)) for row in table if row.receptive_field]
    attention = _some(type(x).__name__ for x in own if "Attention" in type(x).__name__)
    return {
        "input": "x".join(map(str, model.inputs[0].shape[1:])),
        "parameters": sum(row.params for row in table),
        "multiply-adds": sum(row.macs for row in table),
        "layers with weights": len(convolutions) + len(dense),
        "blocks": _blocks(layer.name for layer in own),
        "kernels": _counted(kernels),
        "depthwise": len(depthwise) or "",
        "groups": _some({getattr(x, "groups", 1) for x in convolutions} - {1}),
        "widths": _widths(table),
        "activations": _counted(Counter(filter(None, map(_activation, own)))),
        "normalisation": _some(type(x).__name__ for x in own if NORMS.match(type(x).__name__)),
        "pooling": _some(type(x).__name__ for x in own if "Pooling" in type(x).__name__),
        "attention": attention,
        "sums": sum(isinstance(x, layers.Add) for x in own) or "",
        "joins": sum(isinstance(x, layers.Concatenate) for x in own) or "",
        "receptive field": (local[-1] + ", then all" * bool(attention)) if local else "all",
    }


def _blocks(names: Iterable[str]) -> str:
    """ "3, 4, 6, 3" of a ResNet-50."""
    found = dict.fromkeys(match[1] for name in names if (match := BLOCK.match(name)))
    stages = Counter(block.partition("_")[0] for block in found)
    return ", ".join(str(count) for count in stages.values())


def _activation(layer: layers.Layer) -> str:
    name = type(layer).__name__
    if name in ACTS:
        return name.lower()
    function = getattr(layer, "activation", None)
    name = getattr(function, "__name__", "")
    return "" if name in ("", "linear", "softmax") else name


def _widths(table) -> str:
    """Channels at the end of each stage or, where nothing has such a name, of each height."""
    last_axis = keras.config.image_data_format() == "channels_last"
    maps = [row for row in table if len(row.output_shape) == 4 and None not in row.output_shape[1:]]
    stages, heights = {}, {}
    for row in maps:
        height, _, channels = row.output_shape[1:] if last_axis else row.output_shape[:0:-1]
        heights[height] = channels
        if match := BLOCK.match(row.name):
            stages[match[1].partition("_")[0]] = channels
    image = next(iter(heights), None)
    widths = list(stages.values()) or [w for h, w in heights.items() if h not in (image, 1)]
    return ", ".join(str(width) for width, _ in itertools.groupby(widths))


def _counted(counts: Counter) -> str:
    """ "1x1 (35), 3x3 (17)", the most frequent first."""
    return ", ".join(f"{name} ({count})" for name, count in counts.most_common())


def _some(values: Iterable) -> str:
    return ", ".join(map(str, sorted(set(values))))
