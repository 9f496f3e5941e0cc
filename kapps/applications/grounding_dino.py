"""Grounding DINO: Marrying DINO with Grounded Pre-Training (Liu et al., 2023, arXiv:2303.05499).

What to look for is a text, "cat . remote control .", each phrase of which is a class. Maps of a
Swin Transformer and tokens of the text look at each other in an encoder; the places that fit any
token best become queries; and in each block of the decoder these look at each other, at the text
and at points of the maps. How well a query fits a phrase is its product with the phrase's tokens.

The network takes pictures alone: what BERT says of the text is in the layer `vocabulary`, which
`kapps.set_vocabulary` fills. Photos have one size, so that nothing is padded or masked in the maps.
"""

import dataclasses
from functools import partial

from keras import layers

from kapps.applications._application import Application, reference
from kapps.applications._dense import DenseApplication
from kapps.applications.resnet import TORCH
from kapps.applications.rt_detr import HEADS, POINTS, look_at_each_other, look_at_points
from kapps.detection.suppression import Suppression
from kapps.layers import (
    AroundPlaces,
    Blocks,
    ClearEdges,
    CoordinateSines,
    CrossAttention,
    Detach,
    MapPlaces,
    PhraseLogits,
    PhraseVocabulary,
    Queries,
    RefineBoxes,
    SurestPlaces,
    TakePlaces,
    TokenLogits,
    deformable_attention,
    initializer,
    set_outputs,
)

QUERIES, BLOCKS = 900, 6  # section 4.1, and the authors' configuration, as all numbers here
CHANNELS, MLP = 256, 2048
TEXT_HEADS, TEXT_MLP = HEADS // 2, MLP // 2  # the latter is also the width of fusion
BERT = 768  # channels of BERT-base
TEMPERATURE = 20.0  # of the places of maps, as in DINO
SCALE, DROP_PATH = 1e-4, 0.1  # of fusion, as in GLIP (Li et al., 2021, arXiv:2112.03857)
OBJECTIVE = {"name": "focal_set", "cost": 2.0, "distance": 5.0, "overlap": 2.0}
DETECTIONS = 300  # of an image, where the authors judge COCO
SUPPRESSION = Suppression(candidates=None, best_class=True, method="none")


def fusion(x, text, words, nn: Blocks, *, name: str):
    """Maps look at the text, and it at them, by one table of products: GLIP, equation 4."""
    x = nn.layer_norm(x, 1e-5, name=f"{name}_image_norm")
    text = nn.layer_norm(text, 1e-5, name=f"{name}_text_norm")
    places, values = (nn.dense(x, TEXT_MLP, name=f"{name}_image_{k}") for k in ("key", "value"))
    tokens, meanings = (nn.dense(text, TEXT_MLP, name=f"{name}_text_{k}") for k in ("key", "value"))
    looks = {
        "image": (x, [places, tokens, meanings, words["present"]]),
        "text": (text, [tokens, places, values]),
    }
    found = []
    for kind, (before, parts) in looks.items():
        y = CrossAttention(TEXT_HEADS, name=f"{name}_{kind}")(parts)
        y = nn.dense(y, CHANNELS, name=f"{name}_{kind}_project")
        y = nn.layer_scale(y, SCALE, name=f"{name}_{kind}_scale")
        found.append(nn.residual(before, y, DROP_PATH, name=f"{name}_{kind}"))
    return found


def encoder_block(x, text, words, text_places, places, nn: Blocks, grids, *, name: str):
    """Feature enhancer layer: figure 3, block 2."""
    x, text = fusion(x, text, words, nn, name=f"{name}_fusion")
    placed = layers.Add(name=f"{name}_text_placed")([text, text_places])
    y = nn.cross_attention(
        *(placed, placed, text, TEXT_HEADS), mask=words["within"], name=f"{name}_text_attention"
    )
    text = nn.norm_after(text, y, name=f"{name}_text_attention")
    y = nn.mlp(text, TEXT_MLP, name=f"{name}_text_mlp")
    text = nn.norm_after(text, y, name=f"{name}_text_mlp")
    y = deformable_attention(
        *(places(x), x, None, nn),
        num_heads=HEADS,
        points=POINTS,
        grids=grids,
        name=f"{name}_attention",
    )
    x = nn.norm_after(x, y, name=f"{name}_attention")
    return nn.norm_after(x, nn.mlp(x, MLP, name=f"{name}_mlp"), name=f"{name}_mlp"), text


def decoder_block(x, boxes, place, memory, text, words, nn: Blocks, grids, *, name: str):
    """Cross-modality decoder layer: figure 3, block 3.

    Args:
        boxes: shares of the image. place: what is added to the queries for where they are.
    """
    x = look_at_each_other(x, place, nn, name=f"{name}_self")
    placed = layers.Add(name=f"{name}_text_queries")([x, place])
    y = nn.cross_attention(placed, text, text, HEADS, mask=words["present"], name=f"{name}_text")
    x = nn.norm_after(x, y, name=f"{name}_text")
    x = look_at_points(x, place, memory, boxes, nn, grids, name=f"{name}_cross")
    return nn.norm_after(x, nn.mlp(x, MLP, name=f"{name}_mlp"), name=f"{name}_mlp")


def perceptron(sizes, nn: Blocks, *, name: str):
    """Dense layers with ReLUs between them, which every call shares."""
    last = len(sizes)
    row = [
        layers.Dense(
            size,
            activation="relu" if index < last else None,
            kernel_initializer=initializer("zeros" if size == 4 else nn.kernel_initializer),
            name=f"{name}_{index}",
        )
        for index, size in enumerate(sizes, 1)
    ]

    def called(x):
        for layer in row:
            x = layer(x)
        return x

    return called


def select(memory, text, words, nn: Blocks, grids, queries: int):
    """Language-guided query selection, algorithm 1: logits of tokens and boxes of the best."""
    x = ClearEdges(grids, name="head_memory")(memory)
    x = nn.dense(x, CHANNELS, name="head_select_dense")
    x = nn.layer_norm(x, 1e-5, name="head_select_norm")
    logits = TokenLogits(name="head_select_tokens")([x, text, words["present"]])
    boxes = perceptron((CHANNELS, CHANNELS, 4), nn, name="head_select_box")(x)
    boxes = AroundPlaces(grids, name="head_select_places")(boxes)
    best = SurestPlaces(queries, name="head_select_best")(logits)
    parts = {"class": logits, "boxes": boxes}
    return [TakePlaces(name=f"head_select_{key}")([x, best]) for key, x in parts.items()]


def enhanced(maps, words, nn: Blocks, blocks: int):
    """Four maps and the text, after the encoder: (tokens of all maps, text, grids)."""
    maps = [nn.layer_norm(x, 1e-5, name=f"neck_norm{level}") for level, x in enumerate(maps, 3)]
    inputs = [
        *(
            nn.conv_norm_act(x, CHANNELS, activation=False, name=f"neck_input{level}")
            for level, x in enumerate(maps, 3)
        ),
        nn.conv_norm_act(maps[-1], CHANNELS, 3, strides=2, activation=False, name="neck_input6"),
    ]
    grids = [nn.grid(x, 1) for x in inputs]
    x = [nn.to_tokens(x, name=f"neck_tokens{level}") for level, x in enumerate(inputs, 3)]
    x = layers.Concatenate(axis=1, name="neck_tokens")(x)
    text = nn.dense(words["states"], CHANNELS, name="neck_text")
    text_places = CoordinateSines(CHANNELS, name="neck_text_places")(words["places"])
    places = MapPlaces(grids, TEMPERATURE, name="neck_places")
    for index in range(1, blocks + 1):
        x, text = encoder_block(
            x, text, words, text_places, places, nn, grids, name=f"neck_block{index}"
        )
    return x, text, grids


def grounding_dino(
    maps, nn: Blocks, *, classes: int, image_size: tuple[int, int], tokens: int, encoder: str,
    queries: int, blocks: int,
):  # fmt: skip
    """Encoder, selection of queries, decoder; the last block is the answer."""
    words = PhraseVocabulary(classes, tokens, BERT, encoder)(maps[-1])
    memory, text, grids = enhanced(maps, words, nn, blocks)
    logits, codes = select(memory, text, words, nn, grids, queries)
    x = Queries(queries, name="head_queries")(memory)
    sines = CoordinateSines(CHANNELS // 2, name="head_sines")
    position = perceptron((CHANNELS, CHANNELS), nn, name="head_position")
    correct = perceptron((CHANNELS, CHANNELS, 4), nn, name="head_box")
    block = partial(decoder_block, memory=memory, text=text, words=words, nn=nn, grids=grids)
    seen, before, code = [], [], codes
    for index in range(1, blocks + 1):
        name = f"head_block{index}"
        boxes = layers.Activation("sigmoid", dtype="float32", name=f"{name}_shares")(code)
        boxes = Detach(dtype="float32", name=f"{name}_boxes")(boxes)
        x = block(x, boxes, position(sines(boxes)), name=name)
        code = RefineBoxes(name=f"{name}_refined")([correct(x), boxes])
        seen.append(x)
        before.append(boxes)
    # What a block says is normalised, what the next one goes on with is not.
    x = layers.Concatenate(axis=1, name="head_blocks")(seen)
    x = nn.layer_norm(x, 1e-5, name="head_norm")
    before = layers.Concatenate(axis=1, dtype="float32", name="head_before")(before)
    said = {
        "tokens": (logits, TokenLogits(name="head_block_tokens")([x, text, words["present"]])),
        "codes": (codes, RefineBoxes(name="head_block_codes")([correct(x), before])),
    }
    logits, codes = (
        layers.Concatenate(axis=1, dtype="float32", name=f"head_{key}")(parts)
        for key, parts in said.items()
    )
    return set_outputs(
        PhraseLogits(classes, name="head_phrases")([logits, words["phrases"]]),
        codes,
        queries=queries,
        image_size=image_size,
        objective=OBJECTIVE,
        activation="sigmoid",
        suppression=dataclasses.replace(SUPPRESSION, max_detections=min(queries, DETECTIONS)),
    )


def _shifted_windows(app: Application) -> Application:
    """A Swin Transformer as the authors' detectors have it."""
    return dataclasses.replace(app, config={**app.config, "windows": "shifted"})


def _application(size: str, backbone: str, encoder: str) -> DenseApplication:
    return DenseApplication(
        f"GroundingDINOSwin{size}",
        "detection",
        grounding_dino,
        backbone,
        levels=(3, 4, 5),
        size=800,
        min_size=224,  # as many places as queries
        classes=80,
        flavors={"torch": TORCH},
        adapt=_shifted_windows,
        blocks={"norm_groups": 32, "use_bias": True},
        config={"queries": QUERIES, "blocks": BLOCKS, "encoder": encoder},
        arguments={"tokens": 256},
        references=(reference(f"transformers/IDEA-Research/{encoder}", "torch"),),
    )


GroundingDINOSwinT = _application("T", "SwinTiny", "grounding-dino-tiny")
GroundingDINOSwinB = _application("B", "SwinBase384", "grounding-dino-base")

__all__ = ["GroundingDINOSwinB", "GroundingDINOSwinT"]
