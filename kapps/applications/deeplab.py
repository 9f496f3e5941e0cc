"""DeepLab: V3 (Chen et al., 2017, arXiv:1706.05587) and V3+ (2018, arXiv:1802.02611).

`DeepLabV3Plus` stands on any convolutional application: convolutions of its pyramid and decoder are
depthwise separable unless `separable=False`, as the paper has them, so it suits phones.
"""

from kapps.applications._application import Flavor, reference
from kapps.applications._dense import DenseApplication
from kapps.applications.fcn import PHOTO, VOC, sides
from kapps.applications.resnet import TORCH
from kapps.layers import BilinearResize, Blocks, atrous_pyramid, class_map, separable_norm_act

RATES = (6, 12, 18)  # of a map of stride 16: section 4 of both papers
LOW_FILTERS = 48  # what remains of the detailed map: table 1 of DeepLabV3+


def deeplab_v3(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    classifier_activation: str | None,
    aux: bool,
):
    side, x = maps
    # torchvision has the rates of stride 8 also where the stride is 16.
    x = atrous_pyramid(x, nn, 256, tuple(2 * rate for rate in RATES), name="neck_pyramid")
    x = nn.conv_norm_act(x, 256, 3, name="head_hidden")
    x = class_map(nn.conv(x, classes, name="predictions"), nn, image_size, classifier_activation)
    return [x, sides(side, nn, classes, image_size, classifier_activation)] if aux else x


def deeplab_v3_plus(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    classifier_activation: str | None,
    output_stride: int | None,
    filters: int,
    separable: bool,
):
    """The pyramid, enlarged to meet the edges of a map of stride 4: figure 2."""
    low, x = maps
    rates = tuple(rate * 16 // (output_stride or 32) for rate in RATES)
    x = atrous_pyramid(x, nn, filters, rates, separable=separable, name="neck_pyramid")
    low = nn.conv_norm_act(low, LOW_FILTERS, name="neck_low")
    x = BilinearResize(data_format=nn.data_format, name="neck_resize")([x, low])
    x = nn.concat([x, low], name="neck_concat")
    for step in (1, 2):
        name = f"head_{step}"
        if separable:
            x = separable_norm_act(x, nn, filters, 3, name=name)
        else:
            x = nn.conv_norm_act(x, filters, 3, name=name)
    x = nn.dropout(x, 0.1, name="head_dropout")
    return class_map(nn.conv(x, classes, name="predictions"), nn, image_size, classifier_activation)


def _v3(name: str, backbone: str, levels, output_stride: int, torch_name: str, **fields):
    return DenseApplication(
        name,
        "segmentation",
        deeplab_v3,
        backbone,
        levels=levels,
        size=PHOTO,
        arguments={
            "classifier_activation": "softmax",
            "aux": False,
            "output_stride": output_stride,
        },
        references=(reference(f"torchvision/{torch_name}", "torch"),),
        classes=VOC,
        **fields,
    )


DeepLabV3ResNet50 = _v3(
    *("DeepLabV3ResNet50", "ResNet50", (4, 5), 8, "deeplabv3_resnet50"),
    flavors={"torch": TORCH},
)
DeepLabV3ResNet101 = _v3(
    *("DeepLabV3ResNet101", "ResNet101", (4, 5), 8, "deeplabv3_resnet101"),
    flavors={"torch": TORCH},
)
# torchvision's MobileNetV3 as it is below a head: the first block of stride 8 and the widest map.
MOBILE_LEVELS = ("stage3_block1_project_norm", "last")
MOBILE_FLAVORS = {  # torchvision's heads have torch's epsilon, its backbone has not
    "torch": Flavor("torch", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9),
    "keras": Flavor("tensorflow", norm_epsilon=1e-3, norm_momentum=0.999),
}
DeepLabV3MobileNetV3Large = _v3(
    "DeepLabV3MobileNetV3Large",
    "MobileNetV3Large",
    MOBILE_LEVELS,
    16,
    "deeplabv3_mobilenet_v3_large",
    flavors=MOBILE_FLAVORS,
    backbone_flavors={"torch": "torchvision"},
)
DeepLabV3Plus = DenseApplication(
    "DeepLabV3Plus",
    "segmentation",
    deeplab_v3_plus,
    "MobileNetV2",
    levels=(2, 5),
    size=512,
    any_backbone=True,
    arguments={
        "classifier_activation": "softmax",
        "output_stride": 16,
        "filters": 256,
        "separable": True,
    },
    classes=VOC,
)

__all__ = [
    "DeepLabV3MobileNetV3Large",
    "DeepLabV3Plus",
    "DeepLabV3ResNet50",
    "DeepLabV3ResNet101",
]
