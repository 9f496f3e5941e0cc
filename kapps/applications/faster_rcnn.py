"""Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks (Ren et al., 2015,
arXiv:1506.01497), on a feature pyramid (Lin et al., 2017, arXiv:1612.03144).

The first stage says of many anchors whether there is anything at all; the second looks at the best
of them, the regions, says which class each is and moves its edges.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from keras import layers

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._dense import DenseApplication
from kapps.applications.resnet import TORCH
from kapps.applications.ssd import how_background_counts
from kapps.detection.anchors import GridAnchors
from kapps.detection.coders import DeltaCoder
from kapps.detection.proposals import Proposals
from kapps.detection.suppression import Suppression
from kapps.layers import (
    ApartRegions,
    Blocks,
    TogetherRegions,
    add_pooled_level,
    aligned,
    feature_pyramid,
    region_detections,
    region_proposals,
    shared,
)

# Section 3.1.3 and torchvision: overlaps and samples of the two stages.
OBJECTIVE = {
    "region_high": 0.7,
    "region_low": 0.3,
    "anchors_sampled": 256,
    "iou": 0.5,
    "regions_sampled": 512,
}
REGION_CODER = DeltaCoder()
BOX_CODER = DeltaCoder(weights=(10.0, 10.0, 5.0, 5.0))
SUPPRESSION = Suppression(0.05, 0.5, 100, None)
PROPOSALS = Proposals(candidates=1000, iou=0.7)
CELLS = 7  # rows and columns of a region
UNITS = 1024


@dataclass(frozen=True)
class Regions:
    """Where the second stage looks: maps, regions, and what is known of both.

    Attributes:
        maps: of the pyramid, finest first. regions: (batch, regions, 4).
        image_size: (height, width) of the input.
        anchors, grids: of the first stage.
        columns, background: of the class logits, see `kapps.layers.DecodeBoxes`.
        improved: see `propose`.
    """

    maps: list
    regions: Any
    image_size: tuple[int, int]
    anchors: GridAnchors
    grids: list
    columns: int
    background: str
    improved: bool


def two_stages(second: Callable) -> Callable:
    """A head: `propose`, which says what it takes, and then `second(regions, nn)`."""

    @wraps(propose)
    def head(maps, nn: Blocks, **told):
        return second(propose(maps, nn, **told), nn)

    return head


def propose(
    maps,
    nn: Blocks,
    *,
    classes: int,
    published: int,
    background: bool | None,
    image_size: tuple[int, int],
    anchor_sizes: tuple[float, ...],
    regions: int,
    lowest: int = 2,
    crowded: bool = False,
    proposals: Proposals = PROPOSALS,
    improved: bool = False,
) -> Regions:
    """The pyramid and the first stage, whose convolutions all maps share.

    Args:
        lowest: level of the first map. crowded: whether each map has anchors of all sizes.
        improved: whether the pyramid and the second stage are normalised and the heads deeper
            (Li et al., 2021, arXiv:2111.11429).
    """
    counted = how_background_counts(background, classes, published)
    pyramid = feature_pyramid(dict(enumerate(maps, lowest)), nn, normed=improved, name="neck")
    levels = list(add_pooled_level(pyramid, nn, name="neck").values())
    sizes = [tuple(anchor_sizes)] * len(levels) if crowded else [(x,) for x in anchor_sizes]
    anchors = GridAnchors(tuple(sizes))
    forms = anchors.forms[0]
    last = predicting(nn)

    def tower(x):
        for i in range(1, 2 + improved):
            x = last.conv(x, nn.channels(x), 3, name=f"head_region_conv{i}")
            x = nn.act(x, name=f"head_region_act{i}")
        return x

    towers = shared(tower, levels)
    found, grids = region_proposals(
        nn,
        shared(lambda x: last.conv(x, forms, name="head_region_objectness"), towers),
        shared(lambda x: last.conv(x, forms * 4, name="head_region_regression"), towers),
        anchors=anchors,
        coder=REGION_CODER,
        image_size=image_size,
        rule=replace(proposals, count=regions),
    )
    columns = classes + (counted == "apart")
    # The pooled level has anchors, and no regions.
    return Regions(levels[:-1], found, image_size, anchors, grids, columns, counted, improved)


def predicting(nn: Blocks) -> Blocks:
    """The conventions of the layers that predict: section 3.1.3."""
    return replace(nn, kernel_initializer="normal_0.01")


def detect(found: Regions, nn: Blocks, objective: str = "faster_rcnn") -> dict:
    """The second stage: two layers for each region, or four convolutions and one.

    Args:
        objective: by which it learns, of `kapps.detection.objectives`.
    """
    x = aligned(found.maps, found.regions, nn, CELLS, found.image_size, name="head_box_align")
    channels = nn.channels(found.maps[0])
    if found.improved:
        x = TogetherRegions(name="head_box_together")(x)
        for i in range(1, 5):
            x = nn.conv_norm_act(x, channels, 3, name=f"head_box_block{i}")
        x = ApartRegions(name="head_box_apart")([x, found.regions])
    if nn.axis == 1:
        x = layers.Permute((1, 3, 4, 2), name="head_box_to_last")(x)
    x = layers.Reshape((-1, CELLS * CELLS * channels), name="head_box_flatten")(x)
    for i in range(1, 3 - found.improved):
        x = nn.act(nn.dense(x, UNITS, name=f"head_box_fc{i}"), name=f"head_box_fc{i}_act")
    last = predicting(nn)
    return region_detections(
        found.regions,
        last.dense(x, found.columns, name="head_class_predictions"),
        last.dense(x, 4 * found.columns, name="head_box_predictions"),
        anchors=found.anchors,
        coder=BOX_CODER,
        grids=found.grids,
        image_size=found.image_size,
        objective={**OBJECTIVE, "name": objective},
        background=found.background,
        suppression=SUPPRESSION,
    )


faster_rcnn = two_stages(detect)


def application(
    name: str, backbone: str = "ResNet50", head=faster_rcnn, regions: int = 1000, **fields
):
    """A two-stage detector on a pyramid of four maps."""
    return DenseApplication(
        name,
        "detection",
        head,
        backbone,
        **{"levels": (2, 3, 4, 5), "size": 800, "resize": "border", "min_size": 64, **fields},
        arguments={
            "background": None,
            "anchor_sizes": (32, 64, 128, 256, 512),
            "regions": regions,
        },
    )


def on_resnet(name: str, theirs: str, head=faster_rcnn, **fields):
    """One of torchvision's on its ResNet-50."""
    return application(
        name,
        head=head,
        flavors={"torch": TORCH},
        references=(reference(f"torchvision/{theirs}", "torch"),),
        **fields,
    )


def _with_epsilon(app: Application) -> Application:
    """MobileNetV3 with the epsilon that torchvision's detectors have."""
    flavor = replace(app.flavors["torchvision"], norm_epsilon=1e-5)
    return replace(app, flavors={**app.flavors, "torchvision": flavor})


def _on_mobilenet(name: str, theirs: str, size: int, proposals: Proposals):
    return application(
        name,
        "MobileNetV3Large",
        levels=("stage6_block1_project_norm", "last"),  # both of stride 32
        size=size,
        flavors={
            "torch": Flavor("torch", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9)
        },
        backbone_flavors={"torch": "torchvision"},
        adapt=_with_epsilon,
        regions=proposals.count,
        config={"lowest": 4, "crowded": True, "proposals": proposals},
        references=(reference(f"torchvision/{theirs}", "torch"),),
    )


FasterRCNN = application("FasterRCNN", any_backbone=True)
FasterRCNNResNet50FPN = on_resnet("FasterRCNNResNet50FPN", "fasterrcnn_resnet50_fpn")
FasterRCNNResNet50FPNV2 = on_resnet(
    "FasterRCNNResNet50FPNV2", "fasterrcnn_resnet50_fpn_v2", config={"improved": True}
)
FasterRCNNMobileNetV3LargeFPN = _on_mobilenet(
    "FasterRCNNMobileNetV3LargeFPN",
    "fasterrcnn_mobilenet_v3_large_fpn",
    800,
    replace(PROPOSALS, threshold=0.05),
)
FasterRCNNMobileNetV3Large320FPN = _on_mobilenet(
    "FasterRCNNMobileNetV3Large320FPN",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    320,
    Proposals(150, 150, 0.7, 0.05),
)

__all__ = [
    "FasterRCNN",
    "FasterRCNNMobileNetV3Large320FPN",
    "FasterRCNNMobileNetV3LargeFPN",
    "FasterRCNNResNet50FPN",
    "FasterRCNNResNet50FPNV2",
]
