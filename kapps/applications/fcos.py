"""FCOS: Fully Convolutional One-Stage Object Detection (Tian et al., 2019, arXiv:1904.01355).

No anchors: each point of a map says how far the edges of its box are. As in its later version
(arXiv:2006.09214) how central a point is stands beside the box, and distances count in strides.
"""

from functools import partial

from kapps.applications._application import reference
from kapps.applications._dense import DenseApplication
from kapps.applications.resnet import TORCH
from kapps.applications.retinanet import prior_bias, tower
from kapps.detection import anchors as layouts
from kapps.detection.coders import DistanceCoder
from kapps.detection.suppression import Suppression
from kapps.layers import (
    Blocks,
    add_strided_levels,
    detector_outputs,
    feature_pyramid,
    shared,
)

OBJECTIVE = {"name": "fcos", "radius": 1.5, "alpha": 0.25, "gamma": 2.0}
SUPPRESSION = Suppression(0.2, 0.6, 100, 1000, "level")  # torchvision's
GROUPS = 32


def fcos(maps, nn: Blocks, *, classes: int, image_size: tuple[int, int]):
    """A pyramid of five maps and two towers that all maps share; boxes and centres have one."""
    pyramid = feature_pyramid(dict(enumerate(maps, 3)), nn, name="neck")
    pyramid = list(add_strided_levels(pyramid, nn, name="neck").values())
    classified = shared(lambda x: tower(x, nn, GROUPS, biased=True, name="head_class"), pyramid)
    boxed = shared(lambda x: tower(x, nn, GROUPS, biased=True, name="head_box"), pyramid)
    logits = partial(nn.conv, filters=classes, kernel_size=3, bias=prior_bias())
    distances = shared(
        lambda x: nn.act(nn.conv(x, 4, 3, name="head_box_regression"), name="head_box_distance"),
        boxed,
    )
    return detector_outputs(
        nn,
        shared(lambda x: logits(x, name="head_class_predictions"), classified),
        distances,
        columns=classes,
        anchors=layouts.FCOS,
        coder=DistanceCoder(),
        image_size=image_size,
        objective=OBJECTIVE,
        suppression=SUPPRESSION,
        centerness_maps=shared(lambda x: nn.conv(x, 1, 3, name="head_box_centerness"), boxed),
    )


def _application(name: str, **fields):
    return DenseApplication(
        name,
        "detection",
        fcos,
        "ResNet50",
        levels=(3, 4, 5),
        size=800,
        resize="border",
        blocks={"kernel_initializer": "normal_0.01"},
        min_size=64,
        **fields,
    )


FCOS = _application("FCOS", any_backbone=True)
FCOSResNet50FPN = _application(
    "FCOSResNet50FPN",
    flavors={"torch": TORCH},
    references=(reference("torchvision/fcos_resnet50_fpn", "torch"),),
)

__all__ = ["FCOS", "FCOSResNet50FPN"]
