"""LR-ASPP: Searching for MobileNetV3 (Howard et al., 2019, arXiv:1905.02244), section 6.4.

A segmenter for phones: figure 10 of the paper, as torchvision builds it. The map of stride 16,
weighed by the mean of the image, and a map of stride 8 vote on the class of each place.
"""

from keras import layers

from kapps.applications._application import reference
from kapps.applications._dense import DenseApplication
from kapps.applications.deeplab import MOBILE_FLAVORS, MOBILE_LEVELS
from kapps.applications.fcn import PHOTO, VOC
from kapps.layers import BilinearResize, Blocks, class_map


def lraspp(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    classifier_activation: str | None,
    filters: int,
):
    low, high = maps
    x = nn.conv_norm_act(high, filters, name="head_high")
    s = nn.global_avg_pool(high, keepdims=True, name="head_squeeze")
    s = nn.conv(s, filters, use_bias=False, name="head_squeeze_conv")
    s = nn.act(s, "sigmoid", name="head_gate")
    x = layers.Multiply(name="head_scale")([x, s])
    x = BilinearResize(data_format=nn.data_format, name="head_resize")([x, low])
    votes = (
        nn.conv(low, classes, name="low_predictions"),
        nn.conv(x, classes, name="high_predictions"),
    )
    x = layers.Add(name="head_add")(votes)
    return class_map(x, nn, image_size, classifier_activation)


def _application(name: str, backbone: str, levels=(3, "last"), **fields) -> DenseApplication:
    return DenseApplication(
        name,
        "segmentation",
        lraspp,
        backbone,
        levels=levels,
        arguments={"classifier_activation": "softmax", "output_stride": 16, "filters": 128},
        classes=VOC,
        **fields,
    )


LRASPP = _application("LRASPP", "MobileNetV2", size=512, any_backbone=True)
LRASPPMobileNetV3Large = _application(
    "LRASPPMobileNetV3Large",
    "MobileNetV3Large",
    MOBILE_LEVELS,
    size=PHOTO,
    flavors=MOBILE_FLAVORS,
    backbone_flavors={"torch": "torchvision"},
    references=(reference("torchvision/lraspp_mobilenet_v3_large", "torch"),),
)
LRASPPEfficientNetLite0 = _application("LRASPPEfficientNetLite0", "EfficientNetLite0", size=512)

__all__ = ["LRASPP", "LRASPPEfficientNetLite0", "LRASPPMobileNetV3Large"]
