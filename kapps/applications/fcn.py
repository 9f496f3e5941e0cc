"""FCN: Fully Convolutional Networks for Semantic Segmentation (Long et al., 2015, arXiv:1411.4038).

In torchvision's form: a dilated ResNet, one hidden convolution, bilinear upsampling of the logits.
With `aux=True` a second such head on the stage before helps training (Zhao et al., 2017, PSPNet,
section 3.3, where its loss counts 0.4).
"""

from kapps.applications._application import reference
from kapps.applications._dense import DenseApplication
from kapps.applications.resnet import TORCH
from kapps.layers import Blocks, class_map

VOC = 21  # classes of the published weights: PASCAL VOC's twenty and the background
PHOTO = 520  # torchvision's references resize the shorter side to that


def hidden(x, nn: Blocks, classes: int, *, name: str, prefix: str = ""):
    """A 3x3 convolution to a quarter of the channels, dropout, and the logits of each place."""
    x = nn.conv_norm_act(x, nn.channels(x) // 4, 3, name=name)
    x = nn.dropout(x, 0.1, name=f"{name}_dropout")
    return nn.conv(x, classes, name=f"{prefix}predictions")


def sides(x, nn: Blocks, classes: int, image_size, activation):
    """The classifier on the side, which only helps training."""
    x = hidden(x, nn, classes, name="aux_hidden", prefix="aux_")
    return class_map(x, nn, image_size, activation, prefix="aux_")


def fcn(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    classifier_activation: str | None,
    aux: bool,
):
    side, x = maps
    x = hidden(x, nn, classes, name="head_hidden")
    x = class_map(x, nn, image_size, classifier_activation)
    return [x, sides(side, nn, classes, image_size, classifier_activation)] if aux else x


def _application(depth: int) -> DenseApplication:
    return DenseApplication(
        f"FCNResNet{depth}",
        "segmentation",
        fcn,
        f"ResNet{depth}",
        levels=(4, 5),
        size=PHOTO,
        flavors={"torch": TORCH},
        arguments={"classifier_activation": "softmax", "aux": False, "output_stride": 8},
        references=(reference(f"torchvision/fcn_resnet{depth}", "torch"),),
        classes=VOC,
    )


FCNResNet50 = _application(50)
FCNResNet101 = _application(101)

__all__ = ["FCNResNet50", "FCNResNet101"]
