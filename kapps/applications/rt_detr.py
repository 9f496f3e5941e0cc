"""RT-DETR: DETRs Beat YOLOs on Real-time Object Detection (Zhao et al., 2023, arXiv:2304.08069).

Attention where maps are smallest, convolutions between maps, and queries that begin as the surest
places of the maps; each block of the decoder looks at a few points of all maps around its boxes
(Deformable DETR, Zhu et al., 2020, arXiv:2010.04159) and makes the boxes better. The denoising
queries of its training are not part of it: `kapps.tasks.denoising`.
"""

import math
from functools import partial

from keras import layers

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._dense import DenseApplication
from kapps.applications.detr import encoder_block
from kapps.applications.resnet import DEPTHS
from kapps.detection.suppression import Suppression
from kapps.layers import (
    AroundPlaces,
    Blocks,
    ClearEdges,
    Detach,
    RefineBoxes,
    SinePositions,
    SurestPlaces,
    TakePlaces,
    branched_conv,
    deformable_attention,
    initializer,
    path_concatenation,
    set_outputs,
)
from kapps.layers.initializers import Constant
from kapps.layers.residual import FILTERS, basic, pooled_projection, projection, residual_stem

QUERIES, HEADS, POINTS = 300, 8, 4
CHANNELS, MLP = 256, 1024  # of the decoder
VARIANTS = {  # table A of the appendix: depth -> channels and MLP of the encoder, filters inside of
    # its blocks as a share, blocks of the decoder
    18: (256, 1024, 0.5, 3),
    34: (256, 1024, 0.5, 4),
    50: (256, 1024, 1.0, 6),
    101: (384, 2048, 1.0, 6),
}
OBJECTIVE = {"name": "rt_detr", "cost": 2.0, "distance": 5.0, "overlap": 2.0}
SUPPRESSION = Suppression(max_detections=QUERIES, candidates=QUERIES, method="none")
TORCH = Flavor("unit", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9)


def fusion(x, filters: int, nn: Blocks, inside: float, *, name: str):
    """Two 1x1 convolutions, three RepVGG blocks behind one of them, and their sum: figure 4."""
    width = int(filters * inside)
    y = nn.conv_norm_act(x, width, name=f"{name}_main")
    for index in (1, 2, 3):
        y = branched_conv(y, nn, width, 3, identity=False, name=f"{name}_block{index}")
        y = nn.act(y, name=f"{name}_block{index}_act")
    shortcut = nn.conv_norm_act(x, width, name=f"{name}_shortcut")
    x = nn.residual(shortcut, y, name=name)
    return x if width == filters else nn.conv_norm_act(x, filters, name=f"{name}_merge")


def hybrid_encoder(maps, nn: Blocks, channels: int, mlp: int, inside: float):
    """Attention within the last map, then a path down and up through all of them: section 4.2."""
    maps = [
        nn.conv_norm_act(x, channels, activation=False, name=f"neck_input{level}")
        for level, x in enumerate(maps, 3)
    ]
    grid = nn.grid(maps[-1], 1)
    x = nn.to_tokens(maps[-1], name="neck_tokens")
    places = SinePositions(*grid, unit="pixel", name="neck_places")
    x = encoder_block(x, places, nn, mlp, "gelu", 0.0, name="neck_block1")
    maps[-1] = nn.to_map(x, grid, name="neck_map")
    block = partial(fusion, nn=nn, inside=inside)
    found = path_concatenation(dict(enumerate(maps, 3)), nn, block, reduced=True, name="neck")
    return [found[level] for level in sorted(found)]


def box_head(x, nn: Blocks, *, name: str):
    """Three layers that end in logits of middle and size."""
    for layer in (1, 2):
        x = nn.dense(x, CHANNELS, "relu", name=f"{name}_{layer}")
    return layers.Dense(4, kernel_initializer=initializer("zeros"), name=f"{name}_3")(x)


def class_head(x, classes: int, *, name: str):
    """Logits that begin as if all classes, and nothing, were equally likely."""
    return layers.Dense(
        classes,
        kernel_initializer=initializer("glorot_uniform"),
        bias_initializer=Constant(-math.log(classes)),
        name=name,
    )(x)


def select(memory, nn: Blocks, grids, classes: int):
    """The surest places: (what they are like, logits of their classes, logits of their boxes)."""
    x = ClearEdges(grids, name="head_memory")(memory)
    x = nn.dense(x, CHANNELS, name="head_select_dense")
    x = nn.layer_norm(x, 1e-5, name="head_select_norm")
    logits = class_head(x, classes, name="head_select_predictions")
    boxes = AroundPlaces(grids, name="head_select_places")(box_head(x, nn, name="head_select_box"))
    best = SurestPlaces(QUERIES, name="head_select_best")(logits)
    parts = {"queries": x, "class": logits, "boxes": boxes}
    return [TakePlaces(name=f"head_select_{key}")([x, best]) for key, x in parts.items()]


def look_at_each_other(x, place, nn: Blocks, *, name: str):
    """Queries, with `place` added for where they are, look at all of them."""
    placed = layers.Add(name=f"{name}_queries")([x, place])
    y = nn.cross_attention(placed, placed, x, HEADS, name=name)
    return nn.norm_after(x, y, name=name)


def look_at_points(x, place, memory, boxes, nn: Blocks, grids, *, name: str):
    """Queries look at a few points of all maps around their boxes, shares of the image."""
    placed = layers.Add(name=f"{name}_queries")([x, place])
    y = deformable_attention(
        *(placed, memory, boxes, nn), num_heads=HEADS, points=POINTS, grids=grids, name=name
    )
    return nn.norm_after(x, y, name=name)


def decoder_block(x, boxes, place, memory, nn: Blocks, grids, *, name: str):
    """The queries look at each other, at points around their boxes, then an MLP.

    Args:
        boxes: shares of the image. place: what is added to the queries for where they are.
    """
    x = look_at_each_other(x, place, nn, name=f"{name}_self")
    x = look_at_points(x, place, memory, boxes, nn, grids, name=f"{name}_cross")
    return nn.norm_after(x, nn.mlp(x, MLP, "relu", name=f"{name}_mlp"), name=f"{name}_mlp")


def rt_detr(maps, nn: Blocks, *, classes, image_size, channels, mlp, inside, blocks):
    """Hybrid encoder, selection of queries, decoder; the last block is the answer."""
    maps = hybrid_encoder(maps, nn, channels, mlp, inside)
    grids = [nn.grid(x, 1) for x in maps]
    memory = []
    for level, x in enumerate(maps, 3):
        x = nn.conv_norm_act(x, CHANNELS, activation=False, name=f"head_input{level}")
        memory.append(nn.to_tokens(x, name=f"head_tokens{level}"))
    memory = layers.Concatenate(axis=1, name="head_places")(memory)
    x, logits, codes = select(memory, nn, grids, classes)
    x = Detach(name="head_queries")(x)
    dense = partial(layers.Dense, kernel_initializer=initializer("glorot_uniform"))
    first = dense(2 * CHANNELS, "relu", name="head_position_1")
    second = dense(CHANNELS, name="head_position_2")
    said = [(logits, codes)]
    for index in range(1, blocks + 1):
        name = f"head_block{index}"
        boxes = layers.Activation("sigmoid", dtype="float32", name=f"{name}_shares")(codes)
        boxes = Detach(dtype="float32", name=f"{name}_boxes")(boxes)
        x = decoder_block(x, boxes, second(first(boxes)), memory, nn, grids, name=name)
        codes = RefineBoxes(name=f"{name}_refined")([box_head(x, nn, name=f"{name}_box"), boxes])
        said.append((class_head(x, classes, name=f"{name}_class_predictions"), codes))
    logits, codes = (
        layers.Concatenate(axis=1, name=f"head_{key}")(parts)
        for key, parts in zip(("logits", "codes"), zip(*said, strict=True), strict=True)
    )
    return set_outputs(
        *(logits, codes),
        queries=QUERIES,
        image_size=image_size,
        objective=OBJECTIVE,
        activation="sigmoid",
        suppression=SUPPRESSION,
    )


def basic_backbone(x, nn: Blocks, *, depths: tuple[int, ...]):
    """ResNet-D of basic blocks, whose first stage has a projection too, as RT-DETR's alone has."""
    x = residual_stem(x, nn, (32, 32, 64))
    x = nn.max_pool(x, 3, strides=2, name="stem_pool")
    for stage, (filters, blocks) in enumerate(zip(FILTERS, depths, strict=True), 1):
        for block in range(1, blocks + 1):
            name = f"stage{stage}_block{block}"
            strides = 2 if block == 1 and stage > 1 else 1
            y = basic(x, nn, filters, strides, name=name)
            if block == 1:
                shortcut = pooled_projection if stage > 1 else projection
                x = shortcut(x, nn, filters, strides, name=f"{name}_shortcut")
            x = nn.act(nn.residual(x, y, name=name), name=f"{name}_act")
    return x


def _basic(depth: int) -> Application:
    """A backbone that no one else has."""
    return Application(
        f"RTDETRResNet{depth}Backbone",
        basic_backbone,
        size=640,
        flavors={"torch": TORCH},
        config={"depths": DEPTHS[depth]},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
    )


def _application(depth: int) -> DenseApplication:
    channels, mlp, inside, blocks = VARIANTS[depth]
    deep = depth >= 50
    return DenseApplication(
        f"RTDETRResNet{depth}",
        "detection",
        rt_detr,
        f"ResNet{depth}D" if deep else None,
        plain=None if deep else _basic(depth),
        levels=(3, 4, 5),
        size=640,
        min_size=128,  # as many places as queries
        classes=80,
        flavors={"torch": TORCH},
        activation="silu",
        config={"channels": channels, "mlp": mlp, "inside": inside, "blocks": blocks},
        references=(reference(f"transformers/PekingU/rtdetr_r{depth}vd", "torch"),),
    )


RTDETRResNet18 = _application(18)
RTDETRResNet34 = _application(34)
RTDETRResNet50 = _application(50)
RTDETRResNet101 = _application(101)

__all__ = ["RTDETRResNet18", "RTDETRResNet34", "RTDETRResNet50", "RTDETRResNet101"]
