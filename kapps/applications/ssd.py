"""SSD: Single Shot MultiBox Detector (Liu et al., 2016, arXiv:1512.02325), and SSDLite.

SSDLite (MobileNetV2, Sandler et al., 2018, arXiv:1801.04381, section 6.2) has depthwise and 1x1
convolutions in place of the full ones, for phones.
"""

from dataclasses import replace

import keras

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._dense import DenseApplication
from kapps.applications.mobilenet_v3 import LARGE
from kapps.detection import anchors as layouts
from kapps.detection.coders import DeltaCoder
from kapps.detection.suppression import Suppression
from kapps.layers import Blocks, detector_outputs

# Figure 2 and section 3.1 of the paper: smooth L1 and softmax, three negatives for each positive.
OBJECTIVE = {"name": "ssd", "iou": 0.5, "negatives": 3}
CODER = DeltaCoder(weights=(10.0, 10.0, 5.0, 5.0))
# torchvision's, of both of its networks.
SUPPRESSION = Suppression(0.01, 0.45, 200, 400, "class")
SUPPRESSION_LITE = Suppression(0.001, 0.55, 300, 300, "class")
SCALES = {"min_scale": 0.2, "max_scale": 0.95}
EXTRA = (512, 256, 256, 128)  # filters of the maps that SSDLite adds


def ssdlite(
    maps,
    nn: Blocks,
    *,
    classes: int,
    published: int,
    background: bool | None,
    image_size: tuple[int, int],
    min_scale: float,
    max_scale: float,
):
    """Four more maps, each half as large as the one before, and two predictions for each map."""
    anchors = _anchors(min_scale, max_scale)
    maps = list(maps)
    for extra, filters in enumerate(EXTRA, 1):
        maps.append(_extra(maps[-1], nn, filters, name=f"neck_extra{extra}"))
    counted = how_background_counts(background, classes, published)
    columns = classes + (counted == "apart")
    class_maps, box_maps = [], []
    for level, (x, forms) in enumerate(zip(maps, anchors.forms, strict=True), 1):
        for found, kind, filters in (
            (class_maps, f"head_class{level}", (columns, "predictions")),
            (box_maps, f"head_box{level}", (4, "regression")),
        ):
            y = nn.depthwise_norm_act(x, 3, name=f"{kind}_depthwise")
            found.append(nn.conv(y, forms * filters[0], name=f"{kind}_{filters[1]}"))
    return detector_outputs(
        nn,
        class_maps,
        box_maps,
        columns=columns,
        anchors=anchors,
        coder=CODER,
        image_size=image_size,
        objective=OBJECTIVE,
        activation="softmax",
        background=counted,
        suppression=SUPPRESSION_LITE,
    )


def _anchors(min_scale: float, max_scale: float) -> layouts.DefaultBoxes:
    """Those of six maps, from small to large.

    Raises:
        ValueError: the scales are no range of shares.
    """
    if not 0 < min_scale < max_scale <= 1:
        raise ValueError(
            f"min_scale={min_scale!r} with max_scale={max_scale!r}: expected shares of the input, "
            "the first one smaller, such as 0.2 and 0.95"
        )
    return layouts.DefaultBoxes.between(((2, 3),) * 6, min_scale, max_scale)


def _extra(x, nn: Blocks, filters: int, *, name: str):
    x = nn.conv_norm_act(x, filters // 2, name=f"{name}_reduce")
    x = nn.depthwise_norm_act(x, 3, strides=2, name=f"{name}_depthwise")
    return nn.conv_norm_act(x, filters, name=f"{name}_project")


def ssd(
    maps,
    nn: Blocks,
    *,
    classes: int,
    published: int,
    background: bool | None,
    image_size: tuple[int, int],
    extras: tuple,
    anchors: layouts.DefaultBoxes,
):
    """VGG's last two layers as convolutions, more maps, and two 3x3 convolutions for each.

    Args:
        maps: of convolutions 4_3, whose norm section 3.1 scales, and 5_3.
        extras: for each map that is added: filters, kernel_size, strides, padding.
    """
    fourth, x = maps
    axis = nn.axis
    fourth = keras.layers.UnitNormalization(axis=axis, name="neck_normalize")(fourth)
    maps = [nn.layer_scale(fourth, 20.0, name="neck_scale")]
    x = nn.max_pool(x, 3, 1, name="neck_pool")
    x = nn.act(nn.conv(x, 1024, 3, dilation=6, name="neck_fc6"), name="neck_fc6_act")
    x = nn.act(nn.conv(x, 1024, name="neck_fc7"), name="neck_fc7_act")
    maps.append(x)
    for extra, (filters, kernel_size, strides, padding) in enumerate(extras, 1):
        name = f"neck_extra{extra}"
        x = nn.act(nn.conv(x, filters // 2, name=f"{name}_reduce_conv"), name=f"{name}_reduce_act")
        x = nn.pad(x, padding, name=name) if padding else x
        x = nn.conv(x, filters, kernel_size, strides, padding="valid", name=f"{name}_conv")
        x = nn.act(x, name=f"{name}_act")
        maps.append(x)
    counted = how_background_counts(background, classes, published)
    columns = classes + (counted == "apart")
    pairs = list(enumerate(zip(maps, anchors.forms, strict=True), 1))
    return detector_outputs(
        nn,
        [nn.conv(x, n * columns, 3, name=f"head_class{i}_predictions") for i, (x, n) in pairs],
        [nn.conv(x, n * 4, 3, name=f"head_box{i}_regression") for i, (x, n) in pairs],
        columns=columns,
        anchors=anchors,
        coder=CODER,
        image_size=image_size,
        objective=OBJECTIVE,
        activation="softmax",
        background=counted,
        suppression=SUPPRESSION,
    )


def how_background_counts(background: bool | None, classes: int, published: int) -> str:
    """The argument `background` in the words of `kapps.layers.DecodeBoxes`.

    Raises:
        ValueError: there is no class beside the background.
    """
    counted = classes == published if background is None else background
    if counted and classes == 1:
        raise ValueError(
            "classes=1 with background=True leaves nothing to find; count things alone, or add one"
        )
    return "counted" if counted else "apart"


def _reduced(app: Application, *, reduced_tail: bool, backbone_weights) -> Application:
    """MobileNetV3 with half the filters in its last stage.

    Raises:
        ValueError: weights that have all of them.
    """
    if not reduced_tail:
        return app
    if backbone_weights is not None:
        raise ValueError(
            f"backbone_weights={str(backbone_weights)!r} have all filters of the last stage; add "
            "reduced_tail=False"
        )
    *others, (filters, *last) = LARGE
    return replace(app, config={**app.config, "stages": (*others, (filters // 2, *last))})


def _rounding_up(app: Application) -> Application:
    """VGG whose third pool makes 38 rows of 75, as the paper's."""
    return replace(app, config={**app.config, "rounding_up": (3,)})


def _ssd(size: int, extras: tuple, anchors, references=()) -> DenseApplication:
    return DenseApplication(
        f"SSD{size}VGG16",
        "detection",
        ssd,
        "VGG16",
        levels=("stage4_block3_act", "stage5_block3_act"),
        size=size,
        min_size=size,  # the last maps would have no pixel
        flavors={"torch": Flavor("ssd", padding="symmetric")},
        adapt=_rounding_up,
        arguments={"background": None},
        config={"extras": extras, "anchors": anchors},
        references=references,
    )


def _ssdlite(name: str, backbone: str, **fields) -> DenseApplication:
    arguments = {"background": None, **SCALES, **fields.pop("arguments", {})}
    return DenseApplication(
        name,
        "detection",
        ssdlite,
        backbone,
        levels=("expand5", "last"),
        size=320,
        arguments=arguments,
        activation="relu6",
        blocks={"kernel_initializer": "normal_0.03"},
        **fields,
    )


HALVE = 3, 2, 1  # kernel_size, strides, padding
SSD300VGG16 = _ssd(
    300,
    ((512, *HALVE), (256, *HALVE), (256, 3, 1, 0), (256, 3, 1, 0)),
    layouts.SSD300,
    (reference("torchvision/ssd300_vgg16", "torch"),),
)
SSD512VGG16 = _ssd(  # the paper's, section 3.6 and its Caffe configuration
    512,
    ((512, *HALVE), (256, *HALVE), (256, *HALVE), (256, *HALVE), (256, 4, 1, 1)),
    layouts.SSD512,
)
SSDLite = _ssdlite("SSDLite", "MobileNetV2", any_backbone=True)
SSDLite320MobileNetV2 = _ssdlite("SSDLite320MobileNetV2", "MobileNetV2")
SSDLite320MobileNetV3Large = _ssdlite(
    "SSDLite320MobileNetV3Large",
    "MobileNetV3Large",
    flavors={
        "torch": Flavor("tensorflow", padding="symmetric", norm_epsilon=1e-3, norm_momentum=0.97),
        "keras": Flavor("tensorflow", norm_epsilon=1e-3, norm_momentum=0.97),
    },
    backbone_flavors={"torch": "torchvision"},
    adapt=_reduced,
    arguments={"reduced_tail": True},
    references=(reference("torchvision/ssdlite320_mobilenet_v3_large", "torch"),),
)
SSDLite320MobileNetV4ConvSmall = _ssdlite("SSDLite320MobileNetV4ConvSmall", "MobileNetV4ConvSmall")
SSDLite320EfficientNetLite0 = _ssdlite("SSDLite320EfficientNetLite0", "EfficientNetLite0")

__all__ = [
    "SSD300VGG16",
    "SSD512VGG16",
    "SSDLite",
    "SSDLite320EfficientNetLite0",
    "SSDLite320MobileNetV2",
    "SSDLite320MobileNetV3Large",
    "SSDLite320MobileNetV4ConvSmall",
]
