"""The second half of a two-stage detector: regions, what is in each of them, and what is found.

Names are what tasks and goldens look for: the layers `objectness` and `region_regression` hold what
the first stage says of each anchor, `regions` its best boxes, `class_logits` and `box_regression`
what the second stage says of those; `boxes`, `scores` and `classes` are the answer.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kapps.detection import coders
from kapps.detection import proposals as ways
from kapps.detection import suppression as rules
from kapps.detection.boxes import clip, sides
from kapps.layers.blocks import CHANNELS_LAST, Blocks
from kapps.layers.decoding import DecodeBoxes, restored, stored
from kapps.layers.detection import in_rows
from kapps.layers.regions import RoIAlign

_register = keras.saving.register_keras_serializable(package="kapps")
SMALLEST = 1e-2  # least width and height of a detection in pixels: torchvision's


@_register
class ProposeRegions(keras.layers.Layer):
    """Boxes and objectness of all anchors -> regions, (batch, regions, 4) float32.

    They come by falling objectness and pass no gradient; what is missing has no area.

    Args:
        levels: numbers of anchors of each level.
        image_size: (height, width) of the input in pixels.
        proposals: `kapps.detection.proposals.Proposals`, or its configuration.

    Call arguments:
        inputs: [(batch, anchors, 4), (batch, anchors, 1)].
    """

    regroups = True  # the number of regions is told where that of images is

    def __init__(self, levels: Sequence[int], image_size: tuple[int, int], proposals, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.levels, self.image_size = tuple(levels), tuple(image_size)
        self.proposals = restored(ways, proposals)

    def call(self, inputs):
        boxes, logits = inputs
        found = self.proposals(boxes, logits[..., 0], self.levels, self.image_size)
        return ops.reshape(found["boxes"], (-1, self.proposals.count, 4))

    def compute_output_spec(self, inputs):
        # Training looks at other numbers of regions through the layers that follow.
        batch = inputs[0].shape[0]
        count = None if batch is None else self.proposals.count
        return keras.KerasTensor((batch, count, 4), "float32")

    def get_config(self):
        own = {"levels": list(self.levels), "image_size": list(self.image_size)}
        return super().get_config() | own | {"proposals": stored(self.proposals)}


@_register
class DetectRegions(keras.layers.Layer):
    """What the second stage says of each region -> a fixed number of detections.

    Args:
        coder: of `kapps.detection.coders`, or its configuration.
        image_size: (height, width) of the input in pixels.
        background: "counted" or "apart", see `DecodeBoxes`: column 0 is background in either.
        suppression: the rule, or its configuration.

    Call arguments:
        inputs: [regions (batch, regions, 4), class logits (batch, regions, columns), codes
            (batch, regions, columns, 4)].

    Returns:
        {"boxes": (batch, M, 4) float32, "scores": (batch, M) float32, "classes": (batch, M) int32};
        classes are -1 and the rest is 0 where nothing was found.
    """

    def __init__(self, coder, image_size, background: str, suppression, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.coder = restored(coders, coder)
        self.image_size, self.background = tuple(image_size), background
        self.suppression = restored(rules, suppression)

    def call(self, inputs):
        regions, logits, codes = inputs
        scores = ops.softmax(ops.cast(logits, "float32"), axis=-1)[..., 1:]
        boxes = self.coder.decode(codes[..., 1:, :], regions[..., None, :])
        boxes = clip(boxes, self.image_size)
        left, top, right, bottom = sides(boxes)
        large = ops.minimum(right - left, bottom - top) >= SMALLEST
        found = rules.suppress(boxes, ops.where(large, scores, 0.0), self.suppression)
        first = int(self.background == "counted")
        classes = ops.where(found["classes"] >= 0, found["classes"] + first, -1)
        return {"boxes": found["boxes"], "scores": found["scores"], "classes": classes}

    def compute_output_spec(self, inputs):
        rows = inputs[0].shape[0], self.suppression.max_detections
        return {
            "boxes": keras.KerasTensor((*rows, 4), "float32"),
            "scores": keras.KerasTensor(rows, "float32"),
            "classes": keras.KerasTensor(rows, "int32"),
        }

    def get_config(self):
        return super().get_config() | {
            "coder": stored(self.coder),
            "image_size": list(self.image_size),
            "background": self.background,
            "suppression": stored(self.suppression),
        }


@_register
class DetectedBoxes(DecodeBoxes):
    """The boxes that a two-stage detector ends in, as they are.

    Its configuration is what a saved detector knows of itself, as of `DecodeBoxes`: `anchors` are
    those of the first stage, `coder` and `suppression` belong to the second.
    """

    def call(self, boxes):
        return boxes

    def compute_output_spec(self, boxes):
        return keras.KerasTensor(boxes.shape, "float32")


@_register
class TogetherRegions(keras.layers.Layer):
    """(batch, regions, ...) -> (batch * regions, ...), for layers that know images alone."""

    def call(self, x):
        return ops.reshape(x, (-1, *x.shape[2:]))

    def compute_output_spec(self, x):
        rows = None if None in x.shape[:2] else x.shape[0] * x.shape[1]
        return keras.KerasTensor((rows, *x.shape[2:]), x.dtype)


@_register
class ApartRegions(keras.layers.Layer):
    """(batch * regions, ...) -> (batch, regions, ...).

    Call arguments:
        inputs: [x, boxes], boxes of (batch, regions, 4).
    """

    def call(self, inputs):
        x, boxes = inputs
        return ops.reshape(x, (-1, boxes.shape[1], *x.shape[1:]))

    def compute_output_spec(self, inputs):
        x, boxes = inputs
        return keras.KerasTensor((*boxes.shape[:2], *x.shape[1:]), self.compute_dtype)


@_register
class ClassMasks(keras.layers.Layer):
    """The mask of each detection's class, (batch, M, height, width), as probabilities, float32.

    Args:
        background: "counted" or "apart", see `DecodeBoxes`: column 0 is background in either.

    Call arguments:
        inputs: [logits (batch, M, height, width, columns), classes (batch, M)]; a class of -1 has
            a mask of zeros.
    """

    def __init__(self, background: str, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.background = background

    def call(self, inputs):
        logits, classes = inputs
        there = classes >= 0
        column = ops.where(there, classes + int(self.background == "apart"), 0)
        own = ops.take_along_axis(logits, column[..., None, None, None], axis=-1)[..., 0]
        return ops.where(there[..., None, None], ops.sigmoid(own), 0.0)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape[:-1], "float32")

    def get_config(self):
        return super().get_config() | {"background": self.background}


def region_proposals(
    nn: Blocks, objectness_maps: Sequence, code_maps: Sequence, *, anchors, coder, image_size, rule
):
    """The layer `regions`, from what the first stage says of each map.

    Args:
        objectness_maps, code_maps: one map a level, of (forms) and (forms * 4) channels.
        anchors, coder, image_size: as of `DecodeBoxes`.
        rule: `kapps.detection.proposals.Proposals`.
    """
    first = 1 if nn.data_format == CHANNELS_LAST else 2
    grids = [tuple(x.shape[first : first + 2]) for x in code_maps]
    objectness = in_rows(objectness_maps, nn, 1, name="objectness")
    codes = in_rows(code_maps, nn, 4, name="region_regression")
    decode = DecodeBoxes(anchors, coder, grids, image_size, {}, clip=False, name="anchor_boxes")
    propose = ProposeRegions(decode.anchors.counts, image_size, rule, name="regions")
    return propose([decode(codes), objectness]), grids


def region_detections(
    regions, logits, codes, *, anchors, coder, grids, image_size, objective, background, suppression
) -> dict[str, Any]:
    """From what the second stage says of each region to {"boxes", "scores", "classes"}.

    Args:
        regions: of `region_proposals`, or others.
        logits: (batch, regions, columns). codes: (batch, regions, columns * 4).
        anchors, grids: of the first stage. coder, suppression: of the second.
        image_size, objective, background: as of `DecodeBoxes`.
    """
    columns = logits.shape[-1]
    logits = keras.layers.Identity(dtype="float32", name="class_logits")(logits)
    rows = keras.layers.Reshape((-1, columns, 4), dtype="float32", name="box_regression")
    detect = DetectRegions(coder, image_size, background, suppression, name="detections")
    found = detect([regions, logits, rows(codes)])
    boxes = DetectedBoxes(
        anchors, coder, grids, image_size, objective, background, suppression, name="boxes"
    )
    return {
        "boxes": boxes(found["boxes"]),
        "scores": keras.layers.Identity(dtype="float32", name="scores")(found["scores"]),
        "classes": keras.layers.Identity(dtype="float32", name="classes")(found["classes"]),
    }


def aligned(maps: Sequence, boxes, nn: Blocks, size: int, image_size, *, name: str):
    """The layer `name`: regions of maps, `size` cells high and wide; see `RoIAlign`.

    Args:
        maps: finest first; the stride of each is the power of two that is nearest to it.
        boxes: (batch, regions, 4) in pixels of the input.
    """
    axis = 1 if nn.data_format == CHANNELS_LAST else 2
    strides = [2 ** round(math.log2(image_size[0] / x.shape[axis])) for x in maps]
    # In float32 whatever the policy: half precision has no pixels beyond 256.
    layer = RoIAlign(
        size,
        strides,
        outside="edge",
        data_format=nn.data_format,
        dtype="float32",
        name=name,
    )
    return layer([list(maps), boxes])
