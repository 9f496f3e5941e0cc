"""Fast R-CNN: one look at an image, and then at regions of its last map (Girshick, 2015,
arXiv:1504.08083).

Each region becomes a map of one size by RoI pooling. They come from selective search, within the
network (`kapps.layers.SearchRegions`), or from elsewhere: `kapps.detections(model, images,
regions=...)`.
"""

from dataclasses import replace

from keras import layers

from kapps.applications._dense import DenseApplication
from kapps.applications.faster_rcnn import BOX_CODER, predicting
from kapps.applications.ssd import how_background_counts
from kapps.detection.anchors import GridAnchors
from kapps.detection.suppression import Suppression
from kapps.layers import Blocks, RoIPool, SearchRegions, region_detections

STRIDE = 16  # of the last map, before the pool that regions take the place of
UNITS = 4096  # fc6 and fc7, those of the classifiers
DROPOUT = 0.5
# Section 2.3: from each of two images 64 regions, a quarter with an overlap of 0.5 and more with a
# truth, the rest with one of 0.1 to 0.5.
OBJECTIVE = {"name": "fast_rcnn", "iou": 0.5, "lowest": 0.1, "regions_sampled": 64, "beta": 1.0}
SUPPRESSION = Suppression(0.05, 0.3, 100, None)
NO_ANCHORS = GridAnchors(((float(STRIDE),),), (1.0,))  # no first stage has any: one that none reads
VOC = 21  # classes and background


def fast_rcnn(
    maps,
    nn: Blocks,
    *,
    image,
    classes: int,
    published: int,
    background: bool | None,
    image_size: tuple[int, int],
    regions: int,
    cells: int,
):
    """RoI pooling to cells x cells, two layers, and two that answer (figure 1).

    Args:
        image: the input, in which regions are searched.
        cells: rows and columns of a region: those of the classifier's last map.
    """
    counted = how_background_counts(background, classes, published)
    columns = classes + (counted == "apart")
    found = SearchRegions(regions, data_format=nn.data_format, name="regions")(image)
    # In float32 whatever the policy: half precision has no pixels beyond 256.
    pool = RoIPool(
        cells, STRIDE, data_format=nn.data_format, dtype="float32", name="head_box_align"
    )
    x = pool([maps[0], found])
    if nn.axis == 1:
        x = layers.Permute((1, 3, 4, 2), name="head_box_to_last")(x)
    x = layers.Reshape((-1, cells * cells * nn.channels(maps[0])), name="head_box_flatten")(x)
    for i in (1, 2):
        x = nn.act(nn.dense(x, UNITS, name=f"head_box_fc{i}"), name=f"head_box_fc{i}_act")
        x = nn.dropout(x, DROPOUT, name=f"head_box_fc{i}_dropout")
    # Section 2.3, "SGD hyper-parameters".
    edges = replace(nn, kernel_initializer="normal_0.001")
    return region_detections(
        found,
        predicting(nn).dense(x, columns, name="head_class_predictions"),
        edges.dense(x, 4 * columns, name="head_box_predictions"),
        anchors=NO_ANCHORS,
        coder=BOX_CODER,
        grids=[(1, 1)],
        image_size=image_size,
        objective=OBJECTIVE,
        background=counted,
        suppression=SUPPRESSION,
    )


def _application(name: str, backbone: str, level: str, cells: int) -> DenseApplication:
    return DenseApplication(
        name,
        "detection",
        fast_rcnn,
        backbone,
        levels=(level,),
        size=600,
        min_size=96,
        resize="border",
        classes=VOC,
        config={"cells": cells},
        arguments={"background": None, "regions": 2000},
    )


# Section 4.1: models L and S; that one is called CaffeNet there.
FastRCNNVGG16 = _application("FastRCNNVGG16", "VGG16", "stage5_block3_act", cells=7)
FastRCNNAlexNet = _application("FastRCNNAlexNet", "AlexNet", "stage5_act", cells=6)

__all__ = ["FastRCNNAlexNet", "FastRCNNVGG16"]
