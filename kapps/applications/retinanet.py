"""RetinaNet: Focal Loss for Dense Object Detection (Lin et al., 2017, arXiv:1708.02002).

Also SSD with the lighter pyramid that TensorFlow's detection API calls FPN-Lite: depthwise and 1x1
convolutions in the head, each map with normalisations of its own.
"""

import math
from functools import partial

from kapps.applications._application import reference
from kapps.applications._dense import DenseApplication
from kapps.applications.resnet import TORCH
from kapps.detection import anchors as layouts
from kapps.detection.coders import DeltaCoder
from kapps.detection.suppression import Suppression
from kapps.layers import (
    Blocks,
    add_strided_levels,
    detector_outputs,
    feature_pyramid,
    shared,
)

PRIOR = 0.01  # section 4.1: what every class is taken for before training, so that it is stable
OBJECTIVE = {"name": "retinanet", "high": 0.5, "low": 0.4, "alpha": 0.25, "gamma": 2.0}
SUPPRESSION = Suppression(0.05, 0.5, 300, 1000, "level")  # torchvision's


def prior_bias(probability: float = PRIOR) -> float:
    """The logit of a probability: equation at the end of section 4.1."""
    return -math.log((1 - probability) / probability)


def retinanet(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    groups: int = 0,
    strided_from: str = "pyramid",
    anchor_sizes: tuple[float, ...],
):
    """A pyramid of five maps and two towers of four convolutions that all maps share.

    Args:
        groups: of the group normalisation in the towers; 0 for none.
        strided_from: "backbone" as in the paper, or "pyramid": what level 6 is made from.
    """
    anchors = layouts.GridAnchors(
        tuple((x, int(x * 2 ** (1 / 3)), int(x * 2 ** (2 / 3))) for x in anchor_sizes)
    )
    source = maps[-1] if strided_from == "backbone" else None
    pyramid = feature_pyramid(dict(enumerate(maps, 3)), nn, name="neck")
    pyramid = list(add_strided_levels(pyramid, nn, source=source, name="neck").values())
    forms = anchors.forms[0]

    def branch(x, *, kind, filters, last, bias):
        x = tower(x, nn, groups, name=f"head_{kind}")
        return nn.conv(x, filters, 3, bias=bias, name=f"head_{kind}_{last}")

    return detector_outputs(
        nn,
        shared(
            partial(
                branch,
                kind="class",
                filters=forms * classes,
                last="predictions",
                bias=prior_bias(),
            ),
            pyramid,
        ),
        shared(
            partial(branch, kind="box", filters=forms * 4, last="regression", bias=0.0), pyramid
        ),
        columns=classes,
        anchors=anchors,
        coder=DeltaCoder(),
        image_size=image_size,
        objective=OBJECTIVE,
        suppression=SUPPRESSION,
    )


def tower(x, nn: Blocks, groups: int, *, biased: bool = False, name: str):
    """Four 3x3 convolutions; with a group normalisation they have a bias only if `biased`."""
    for block in range(1, 5):
        filters = nn.channels(x)
        x = nn.conv(x, filters, 3, use_bias=biased or not groups, name=f"{name}_block{block}_conv")
        if groups:
            x = nn.group_norm(x, groups, name=f"{name}_block{block}_norm")
        x = nn.act(x, name=f"{name}_block{block}_act")
    return x


def fpn_lite(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    filters: int = 128,
    anchor_sizes: tuple[float, ...],
):
    """A narrow pyramid and separable towers, whose convolutions all maps share."""
    anchors = layouts.GridAnchors(  # two sizes half an octave apart
        tuple((x, x * 2**0.5) for x in anchor_sizes), rounded=False, offset=0.5
    )
    pyramid = feature_pyramid(dict(enumerate(maps, 3)), nn, filters, normed=True, name="neck")
    for level in (6, 7):
        pyramid[level] = nn.conv_norm_act(
            pyramid[level - 1], filters, 3, strides=2, name=f"neck_output{level}"
        )
    found = separable_towers(
        list(pyramid.values()), nn, filters, repeats=4, forms=anchors.forms[0], classes=classes
    )
    return detector_outputs(
        nn,
        found["class"],
        found["box"],
        columns=classes,
        anchors=anchors,
        coder=DeltaCoder(weights=(10.0, 10.0, 5.0, 5.0)),
        image_size=image_size,
        objective=OBJECTIVE,
        suppression=Suppression(0.05, 0.6, 100),
    )


def separable_towers(
    pyramid,
    nn: Blocks,
    filters: int,
    *,
    repeats: int,
    forms: int,
    classes: int,
    biased: bool = False,
) -> dict[str, list]:
    """Two towers of separable convolutions, which all maps share, and normalisations of their own.

    Args:
        pyramid: maps from level 3 on.
        filters, repeats: of the convolutions before the last one.
        forms: anchors of a place.
        biased: whether convolutions have a bias before a normalisation, as TensorFlow's code has.

    Returns:
        {"class": maps of forms * classes, "box": maps of forms * 4}.
    """
    found = {}
    for kind, outputs, last, bias in (
        ("class", forms * classes, "predictions", prior_bias()),
        ("box", forms * 4, "regression", 0.0),
    ):
        xs = pyramid
        for block in range(1, repeats + 1):
            name = f"head_{kind}_block{block}"
            own = f"{name}_project_conv"
            xs = shared(partial(_separable, nn, filters, biased, 0.0, name, own), xs)
            xs = [nn.norm(x, name=f"{name}_norm{level}") for level, x in enumerate(xs, 3)]
            xs = [nn.act(x, name=f"{name}_act{level}") for level, x in enumerate(xs, 3)]
        name = f"head_{kind}"
        one = partial(_separable, nn, outputs, True, bias, name, f"{name}_{last}")
        found[kind] = shared(one, xs)
    return found


def _separable(nn: Blocks, filters: int, biased: bool, bias: float, name: str, own: str, x):
    x = nn.depthwise_conv(x, 3, name=f"{name}_depthwise_conv")
    return nn.conv(x, filters, use_bias=biased, bias=bias, name=own)


def _application(name: str, backbone: str, head=retinanet, size: int = 800, **fields):
    return DenseApplication(
        name,
        "detection",
        head,
        backbone,
        levels=(3, 4, 5),
        size=size,
        resize=fields.pop("resize", "border"),
        blocks={"kernel_initializer": "normal_0.01", **fields.pop("blocks", {})},
        min_size=64,
        arguments={"anchor_sizes": (32, 64, 128, 256, 512)},
        **fields,
    )


def _resnet(name: str, theirs: str, **config):
    return _application(
        name,
        "ResNet50",
        flavors={"torch": TORCH},
        config=config,
        references=(reference(f"torchvision/{theirs}", "torch"),),
    )


RetinaNet = _application("RetinaNet", "ResNet50", any_backbone=True)
RetinaNetResNet50FPN = _resnet("RetinaNetResNet50FPN", "retinanet_resnet50_fpn")
RetinaNetResNet50FPNV2 = _resnet(
    "RetinaNetResNet50FPNV2", "retinanet_resnet50_fpn_v2", groups=32, strided_from="backbone"
)
FPN_LITE = {
    "resize": "squash",
    "activation": "relu6",
    "blocks": {"kernel_initializer": "normal_0.03"},
}
SSDFPNLite = _application("SSDFPNLite", "MobileNetV2", fpn_lite, 320, any_backbone=True, **FPN_LITE)
SSDFPNLite320MobileNetV2 = _application(
    "SSDFPNLite320MobileNetV2", "MobileNetV2", fpn_lite, 320, **FPN_LITE
)
SSDFPNLite640MobileNetV2 = _application(
    "SSDFPNLite640MobileNetV2", "MobileNetV2", fpn_lite, 640, **FPN_LITE
)

__all__ = [
    "RetinaNet",
    "RetinaNetResNet50FPN",
    "RetinaNetResNet50FPNV2",
    "SSDFPNLite",
    "SSDFPNLite320MobileNetV2",
    "SSDFPNLite640MobileNetV2",
]
