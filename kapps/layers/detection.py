"""The end of a one-stage detector: predictions of all levels in rows, decoded boxes and scores.

Names are what tasks, export and suppression look for: the layers `class_logits`, `box_regression`
and, where a network has it, `centerness` hold the raw predictions; `boxes` and `scores` the answer.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kapps.detection import anchors as layouts
from kapps.detection import coders
from kapps.detection import suppression as rules
from kapps.layers.blocks import CHANNELS_LAST, Blocks
from kapps.layers.channels import ChannelSlice
from kapps.layers.decoding import ClassScores, DecodeBoxes, Distances


def shared(block: Callable, maps: Sequence) -> list:
    """What `block(x)` makes of each map, all by the same layers, which it makes for the first.

    Args:
        block: a chain of layers, each of one input.
    """
    made = block(maps[0])
    chain, x = [], made
    while x is not maps[0]:
        layer = x._keras_history.operation
        chain.append(layer)
        x = layer.input
    others = []
    for x in maps[1:]:
        for layer in reversed(chain):
            x = layer(x)
        others.append(x)
    return [made, *others]


def in_rows(maps: Sequence, nn: Blocks, columns: int, *, name: str):
    """The layer `name`: maps (batch, rows, columns, forms * n) as (batch, anchors, n), float32."""
    rows = []
    for level, x in enumerate(maps, 1):
        if nn.data_format != CHANNELS_LAST:
            x = keras.layers.Permute((2, 3, 1), name=f"{name}{level}_to_last")(x)
        one = name if len(maps) == 1 else f"{name}{level}"
        dtype = "float32" if len(maps) == 1 else None
        rows.append(keras.layers.Reshape((-1, columns), dtype=dtype, name=one)(x))
    if len(rows) == 1:
        return rows[0]
    return keras.layers.Concatenate(axis=1, dtype="float32", name=name)(rows)


def detector_outputs(
    nn: Blocks,
    class_maps: Sequence,
    box_maps: Sequence,
    *,
    columns: int,
    anchors,
    coder,
    image_size: tuple[int, int],
    objective: dict[str, Any],
    activation: str = "sigmoid",
    background: str | None = None,
    suppression: rules.Suppression | None = None,
    centerness_maps: Sequence = (),
    objectness_maps: Sequence = (),
    bins: int | None = None,
    clip: bool = True,
) -> dict[str, Any]:
    """From the predictions of each level to {"boxes", "scores"}.

    Args:
        class_maps, box_maps: one map a level, of (forms * columns) and (forms * 4) channels, all
            numbers of a form side by side.
        bins: of the distribution that stands for each of the four numbers, whose channels are side
            by side; None for the numbers themselves.
        columns: of the logits, the background's among them.
        anchors, coder, image_size, objective, background, suppression, clip: as of `DecodeBoxes`.
        activation: of the logits.
        centerness_maps, objectness_maps: one map a level, of one channel a form, or none.
    """
    logits = in_rows(class_maps, nn, columns, name="class_logits")
    codes = in_rows(box_maps, nn, 4 * (bins or 1), name="box_regression")
    codes = Distances(bins, name="box_distances")(codes) if bins else codes
    decode = DecodeBoxes(
        *(anchors, coder, _grids(box_maps, nn), image_size, objective),
        background=background,
        suppression=suppression,
        clip=clip,
        name="boxes",
    )
    others = {"centerness": centerness_maps, "objectness": objectness_maps}
    said = [logits, *(in_rows(maps, nn, 1, name=name) for name, maps in others.items() if maps)]
    score = ClassScores(activation, background, bool(objectness_maps), name="scores")
    return {"boxes": decode(codes), "scores": score(said if len(said) > 1 else logits)}


def joint_outputs(
    nn: Blocks,
    maps: Sequence,
    *,
    columns: int,
    anchors,
    coder,
    image_size: tuple[int, int],
    objective: dict[str, Any],
    activation: str = "sigmoid",
    suppression: rules.Suppression | None = None,
) -> dict[str, Any]:
    """As `detector_outputs`, of maps that say all of a form at once: YOLOv2 to v4 and v7.

    Args:
        maps: one a level, of forms * (4 + 1 + columns) channels: codes, objectness, logits.
        columns, anchors, coder, image_size, objective, activation, suppression: as there.
    """
    rows = in_rows(maps, nn, 5 + columns, name="cells")
    parts = {"box_regression": (0, 4), "objectness": (4, 5), "class_logits": (5, 5 + columns)}
    found = {
        name: ChannelSlice(*part, CHANNELS_LAST, dtype="float32", name=name)(rows)
        for name, part in parts.items()
    }
    decode = DecodeBoxes(
        *(anchors, coder, _grids(maps, nn), image_size, objective),
        suppression=suppression,
        clip=False,
        name="boxes",
    )
    score = ClassScores(activation, product=True, name="scores")
    return {
        "boxes": decode(found["box_regression"]),
        "scores": score([found["class_logits"], found["objectness"]]),
    }


def _grids(maps: Sequence, nn: Blocks) -> list[tuple[int, int]]:
    """(rows, columns) of each map."""
    first = 1 if nn.data_format == CHANNELS_LAST else 2
    return [tuple(x.shape[first : first + 2]) for x in maps]


def set_outputs(
    logits,
    boxes,
    *,
    queries: int,
    image_size: tuple[int, int],
    objective: dict[str, Any],
    activation: str,
    background: str | None = None,
    suppression: rules.Suppression,
) -> dict[str, Any]:
    """From what each block of a decoder says of each query to {"boxes", "scores"} of the last one.

    All of it, by which every block learns, is in the layers `block_class_logits` and
    `block_box_regression`.

    Args:
        logits: (batch, blocks * queries, columns).
        boxes: (batch, blocks * queries, 4): middle, width and height as logits of shares of the
            input.
        queries: how many boxes there may be.
        image_size, objective, background, suppression: as of `DecodeBoxes`.
        activation: of the logits of classes.
    """
    flat = {"dtype": "float32"}
    logits = keras.layers.Activation("linear", name="block_class_logits", **flat)(logits)
    boxes = keras.layers.Activation("sigmoid", name="block_box_regression", **flat)(boxes)
    before = boxes.shape[1] - queries
    logits = keras.layers.Cropping1D((before, 0), name="class_logits", **flat)(logits)
    boxes = keras.layers.Cropping1D((before, 0), name="box_regression", **flat)(boxes)
    decode = DecodeBoxes(
        layouts.Everywhere(queries),
        coders.ShareCoder(),
        [(1, 1)],
        image_size,
        objective,
        background,
        suppression,
        clip=False,
        name="boxes",
    )
    scores = ClassScores(activation, background, name="scores")(logits)
    return {"boxes": decode(boxes), "scores": scores}
