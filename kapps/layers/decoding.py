"""What a detector says of its anchors as answers: boxes of codes, scores of logits.

The layer of boxes carries what a saved detector knows of itself.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kapps.detection import anchors as layouts
from kapps.detection import coders
from kapps.detection import suppression as rules

_register = keras.saving.register_keras_serializable(package="kapps")
BACKGROUNDS = (None, "counted", "apart", "last")
ACTIVATIONS = {
    "softmax": lambda x: ops.softmax(x, -1),
    "sigmoid": ops.sigmoid,
    "linear": lambda x: ops.clip(x, 0.0, 1.0),
}


@_register
class DecodeBoxes(keras.layers.Layer):
    """Codes of all anchors -> boxes (left, top, right, bottom) in pixels of the input, float32.

    Its configuration is what a saved detector knows of itself: where its anchors lie, how boxes are
    coded, and by which objective it is trained.

    Args:
        anchors: a layout of `kapps.detection.anchors`, or its configuration.
        coder: of `kapps.detection.coders`, or its configuration.
        grids: (rows, columns) of the map of each level.
        image_size: (height, width) of the input in pixels.
        objective: {"name": "ssd", ...}: which of `kapps.tasks` and the numbers of its paper.
        background: how the columns of `class_logits` count what is nothing: None, not at all;
            "counted", column 0 is the first of `classes`, as torchvision's 91 of COCO; "apart",
            column 0 comes before the classes, and `scores` has no such column; "last", it comes
            behind them, and neither has `scores`.
        suppression: the published rule by which boxes become detections, or its configuration.
        clip: whether boxes end at the edges of the input.

    Raises:
        ValueError: the maps do not fit the anchors, or an unknown `background`.
    """

    def __init__(
        self,
        anchors,
        coder,
        grids: Sequence[tuple[int, int]],
        image_size: tuple[int, int],
        objective: dict[str, Any],
        background: str | None = None,
        suppression=None,
        clip: bool = True,
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        if background not in BACKGROUNDS:
            known = ", ".join(map(repr, BACKGROUNDS))
            raise ValueError(f"background={background!r}: expected one of {known}")
        self.layout = restored(layouts, anchors)
        self.coder = restored(coders, coder)
        self.grids = tuple(map(tuple, grids))
        self.image_size = tuple(image_size)
        self.objective = dict(objective)
        self.background = background
        self.suppression = restored(rules, suppression or rules.Suppression())
        self.clip = clip
        self.anchors = self.layout.lay(self.image_size, self.grids)

    @property
    def class_offset(self) -> int:
        """The column of `class_logits` that is class 0 of `scores`."""
        return int(self.background == "apart")

    def call(self, codes):
        places = [ops.convert_to_tensor(self.anchors.boxes, "float32")]
        if self.coder.by_stride:
            places.append(ops.convert_to_tensor(self.anchors.strides, "float32"))
        boxes = self.coder.decode(codes, *places)
        if not self.clip:
            return boxes
        height, width = self.image_size
        return ops.clip(boxes, 0.0, ops.convert_to_tensor([width, height] * 2, "float32"))

    def compute_output_spec(self, codes):
        return keras.KerasTensor((codes.shape[0], len(self.anchors.boxes), 4), "float32")

    def get_config(self):
        return super().get_config() | {
            "anchors": stored(self.layout),
            "coder": stored(self.coder),
            "grids": self.grids,
            "image_size": self.image_size,
            "objective": self.objective,
            "background": self.background,
            "suppression": stored(self.suppression),
            "clip": self.clip,
        }


@_register
class Distances(keras.layers.Layer):
    """Logits of distributions over whole numbers -> their means, float32: (..., 4 * bins) to 4.

    Source: Generalized Focal Loss (Li et al., 2020, arXiv:2006.04388), equation 5.

    Args:
        bins: how many numbers, from 0 on, a distribution is over.
    """

    def __init__(self, bins: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.bins = bins

    def call(self, logits):
        return coders.expectation(ops.reshape(logits, (-1, logits.shape[1], 4, self.bins)))

    def compute_output_spec(self, logits):
        return keras.KerasTensor((*logits.shape[:-1], 4), "float32")

    def get_config(self):
        return super().get_config() | {"bins": self.bins}


@_register
class ClassScores(keras.layers.Layer):
    """Logits of all anchors -> probabilities, float32.

    Args:
        activation: "softmax", "sigmoid" or "linear", which is cut off at 0 and 1.
        background: as of `DecodeBoxes`; "apart" leaves the first column out, "last" the last.
        product: see below.

    With two inputs the second is the logit of how well a box is centred, or that there is anything,
    and the score is the geometric mean of the two probabilities (torchvision's FCOS) or, with
    `product`, their product (YOLO).
    """

    def __init__(
        self, activation: str, background: str | None = None, product: bool = False, **kwargs
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        if activation not in ACTIVATIONS:
            known = ", ".join(map(repr, ACTIVATIONS))
            raise ValueError(f"activation={activation!r}: expected one of {known}")
        self.activation, self.background, self.product = activation, background, product
        self.left_out = {"apart": slice(1, None), "last": slice(-1)}.get(background, slice(None))

    def call(self, inputs):
        logits, *others = inputs if isinstance(inputs, list | tuple) else [inputs]
        scores = ACTIVATIONS[self.activation](logits)[..., self.left_out]
        # What is one number for all classes is no matter of choosing among them.
        single = "sigmoid" if self.activation == "softmax" else self.activation
        for other in others:
            scores = scores * ACTIVATIONS[single](other)
            scores = scores if self.product else ops.sqrt(scores)
        return scores

    def compute_output_spec(self, inputs):
        logits = inputs[0] if isinstance(inputs, list | tuple) else inputs
        *rows, columns = logits.shape
        return keras.KerasTensor((*rows, len(range(columns)[self.left_out])), "float32")

    def get_config(self):
        return super().get_config() | {
            "activation": self.activation,
            "background": self.background,
            "product": self.product,
        }


def stored(thing) -> dict[str, Any]:
    """A layout or a coder as JSON-able values."""
    return {"name": type(thing).__name__, **dataclasses.asdict(thing)}


def restored(module, thing):
    """The inverse of `stored`, whose tuples JSON has made lists; what is no dict as it is."""
    if not isinstance(thing, dict):
        return thing
    values = dict(thing)
    return getattr(module, values.pop("name"))(**{k: _tuples(v) for k, v in values.items()})


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
