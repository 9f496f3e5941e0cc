"""DETR: End-to-End Object Detection with Transformers (Carion et al., 2020, arXiv:2005.12872).

A ResNet's last map goes through a transformer's encoder; a hundred learnt queries look at it in the
decoder, and each says one box and one class, or nothing. There are no anchors, and nothing is
suppressed. The paper pads photos of several shapes and masks the padding; here the input has one
size and photos are squashed to it, so that all of it is photo and no mask is needed.
"""

from functools import partial

from keras import layers

from kapps.applications._application import reference
from kapps.applications._dense import DenseApplication
from kapps.applications.resnet import TORCH
from kapps.detection.suppression import Suppression
from kapps.layers import Blocks, Queries, SinePositions, set_outputs

QUERIES = 100
BLOCKS = 6  # of the encoder, and of the decoder
FILTERS, HEADS, MLP = 256, 8, 2048  # section 3.2 and appendix A.4
DROPOUT = 0.1
# Appendix A.4: weights of class, L1 distance and GIoU; 0.1 is that of nothing.
OBJECTIVE = {"name": "detr", "cost": 1.0, "distance": 5.0, "overlap": 2.0, "nothing": 0.1}
SUPPRESSION = Suppression(max_detections=QUERIES, candidates=None, best_class=True, method="none")


def encoder_block(
    x, places, nn: Blocks, units=MLP, activation="relu", dropout=DROPOUT, *, name: str
):
    """Attention whose queries and keys know their places, then an MLP; figure 10."""
    placed = places(x)
    y = nn.cross_attention(placed, placed, x, HEADS, name=f"{name}_attention")
    x = nn.norm_after(x, y, dropout, name=f"{name}_attention")
    y = nn.mlp(x, units, activation, name=f"{name}_mlp")
    return nn.norm_after(x, y, dropout, name=f"{name}_mlp")


def decoder_block(x, queries, memory, placed_memory, nn: Blocks, *, name: str):
    """The queries look at each other, then at the image, then an MLP; figure 10."""
    placed = layers.Add(name=f"{name}_self_queries")([x, queries])
    y = nn.cross_attention(placed, placed, x, HEADS, name=f"{name}_self")
    x = nn.norm_after(x, y, DROPOUT, name=f"{name}_self")
    placed = layers.Add(name=f"{name}_cross_queries")([x, queries])
    y = nn.cross_attention(placed, placed_memory, memory, HEADS, name=f"{name}_cross")
    x = nn.norm_after(x, y, DROPOUT, name=f"{name}_cross")
    return nn.norm_after(x, nn.mlp(x, MLP, name=f"{name}_mlp"), DROPOUT, name=f"{name}_mlp")


def detr(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int]):
    """Encoder, decoder, and what all blocks of the decoder say; the last one is the answer."""
    x = nn.conv(maps[0], FILTERS, name="neck_project_conv")
    grid = nn.grid(x, 1)
    x = nn.to_tokens(x, name="neck_tokens")
    x = nn.dropout(x, DROPOUT, name="neck_dropout")
    places = SinePositions(*grid, name="neck_places")
    for block in range(1, BLOCKS + 1):
        x = encoder_block(x, places, nn, name=f"neck_block{block}")
    queries = Queries(QUERIES, name="head_queries")(x)
    block = partial(decoder_block, queries=queries, memory=x, placed_memory=places(x), nn=nn)
    x = nn.scale(queries, 0.0, name="head_nothing")  # what is known before the first block
    said = []
    for index in range(1, BLOCKS + 1):
        x = block(x, name=f"head_block{index}")
        said.append(x)
    x = layers.Concatenate(axis=1, name="head_blocks")(said)
    x = nn.layer_norm(x, 1e-5, name="head_norm")
    logits = nn.dense(x, classes + 1, name="head_class_predictions")
    for layer in (1, 2):
        x = nn.dense(x, FILTERS, "relu", name=f"head_box_{layer}")
    return set_outputs(
        logits,
        nn.dense(x, 4, name="head_box_3"),
        queries=QUERIES,
        image_size=image_size,
        objective=OBJECTIVE,
        activation="softmax",
        background="last",
        suppression=SUPPRESSION,
    )


def _application(depth: int) -> DenseApplication:
    name = f"transformers/facebook/detr-resnet-{depth}"
    return DenseApplication(
        f"DETRResNet{depth}",
        "detection",
        detr,
        f"ResNet{depth}",
        levels=(5,),
        size=800,
        flavors={"torch": TORCH},
        # 16 is the paper's DC5, whose last stage is dilated.
        arguments={"output_stride": 32},
        references=(
            reference(name, "torch"),
            reference(f"{name}-dc5", "torch", output_stride=16),
        ),
    )


DETRResNet50 = _application(50)
DETRResNet101 = _application(101)

__all__ = ["DETRResNet50", "DETRResNet101"]
