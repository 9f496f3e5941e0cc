"""YOLO-World: Real-Time Open-Vocabulary Object Detection (Cheng et al., 2024, arXiv:2401.17270),
whose weights are under AGPL-3.0 as Ultralytics publishes them and under GPL-3.0 as the authors do.

So is what is trained from them; none of them is a default here. YOLOv8's backbone, neck and boxes,
where names guide the neck and stand in the classifier's place. A text encoder makes embeddings of
names beforehand ("prompt then detect"): `kapps.set_vocabulary(model, ["cat", "traffic light"])`
keeps them in the layer `vocabulary`, and the network takes pictures alone. The numbers are those of
Ultralytics' yolov8-world.yaml and yolov8-worldv2.yaml. Version 1 lets the picture refine what names
guide the neck with; version 2 does not, and has a BatchNorm before it compares.
"""

import math

from keras import layers

from kapps.applications.yolov8 import (
    NECK_BLOCKS,
    VARIANTS,
    application,
    backbone,
    detect,
    repeats,
)
from kapps.layers import (
    Blocks,
    MaxSigmoidGate,
    MaxTokens,
    NameLogits,
    Vocabulary,
    c2f,
    concatenated_down,
    concatenated_up,
)

TEXT = 512  # channels of an embedding, of CLIP's ViT-B/32
HEAD = 32  # channels of a head of the gates
POOLED, POOLED_HEADS, WINDOWS = 256, 8, 3  # channels, heads, windows a side: of `image_pooling`
EPSILON = 1e-5  # of LayerNorm
BIAS = -10.0  # of the logits: almost nothing is anything


def yolo_world(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int], depth: float):
    """RepVL-PAN (section 3.3, figure 4) and the head of version 1."""
    names = Vocabulary(classes, TEXT)(maps[-1])
    met = concatenated_down(pyramid_of(maps), nn, guided_by(names, nn, depth), name="neck")
    seen = image_pooling(names, met, nn, name="neck_pooling")
    pyramid = concatenated_up(met, filters_of(met, nn), nn, guided_by(seen, nn, depth), name="neck")

    def compare(x, name):
        x = nn.conv(x, TEXT, name=f"{name}_embedding")
        return logits(x, names, nn, math.log(1 / 0.07), normalized=True, name=name)

    return detect(pyramid, nn, classes=classes, image_size=image_size, compare=compare)


def yolo_world_v2(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int], depth: float):
    """The same without image pooling, and a BatchNorm in the head."""
    names = Vocabulary(classes, TEXT)(maps[-1])
    block = guided_by(names, nn, depth)
    met = concatenated_down(pyramid_of(maps), nn, block, name="neck")
    pyramid = concatenated_up(met, filters_of(met, nn), nn, block, name="neck")

    def compare(x, name):
        x = nn.conv(x, TEXT, name=f"{name}_embedding")
        x = nn.norm(x, name=f"{name}_norm")
        return logits(x, names, nn, -1.0, normalized=False, name=name)

    return detect(pyramid, nn, classes=classes, image_size=image_size, compare=compare)


def guided_by(names, nn: Blocks, depth: float):
    """The text-guided CSPLayer: YOLOv8's block, and its last part once more as names weigh it."""

    def gate(x, *, name):
        filters = nn.channels(x)
        guide = nn.dense(names, filters, name=f"{name}_guide")
        values = nn.conv_norm_act(x, filters, 3, activation=False, name=f"{name}_value")
        gate = MaxSigmoidGate(max(1, filters // HEAD), nn.data_format, name=f"{name}_gate")
        return gate([values, x, guide])

    def block(x, filters, *, name):
        return c2f(x, nn, filters, repeats(NECK_BLOCKS, depth), last=gate, name=name)

    return block


def image_pooling(names, maps: dict, nn: Blocks, *, name: str):
    """Image-pooling attention (equation 3): names look at 3x3 maxima of each level."""
    tokens = []
    for level, x in sorted(maps.items()):
        x = nn.conv(x, POOLED, name=f"{name}_level{level}")
        tokens.append(MaxTokens(WINDOWS, nn.data_format, name=f"{name}_tokens{level}")(x))
    tokens = layers.Concatenate(axis=1, name=f"{name}_tokens")(tokens)
    query, key, value = (
        nn.layer_norm(x, EPSILON, name=f"{name}_{part}_norm")
        for x, part in ((names, "query"), (tokens, "key"), (tokens, "value"))
    )
    seen = nn.cross_attention(query, key, value, POOLED_HEADS, POOLED, name=name)
    return nn.residual(names, seen, name=name)


def logits(x, names, nn: Blocks, scale: float, *, normalized: bool, name: str):
    """Region-text similarity (equation 1)."""
    return NameLogits(scale, BIAS, normalized, nn.data_format, name=f"{name}_logits")([x, names])


def pyramid_of(maps) -> dict:
    return dict(enumerate(maps, 3))


def filters_of(maps: dict, nn: Blocks) -> dict[int, int]:
    return {level: nn.channels(x) for level, x in maps.items()}


SIZES = "SMLX"  # those that are published
YOLOWorldS, YOLOWorldM, YOLOWorldL, YOLOWorldX = (
    application(
        f"YOLOWorld{size}",
        yolo_world,
        backbone,
        VARIANTS[size],
        f"yolov8{size.lower()}-world",
    )
    for size in SIZES
)
YOLOWorldV2S, YOLOWorldV2M, YOLOWorldV2L, YOLOWorldV2X = (
    application(
        f"YOLOWorldV2{size}",
        yolo_world_v2,
        backbone,
        VARIANTS[size],
        f"yolov8{size.lower()}-worldv2",
    )
    for size in SIZES
)

__all__ = [f"YOLOWorld{version}{size}" for version in ("", "V2") for size in SIZES]
