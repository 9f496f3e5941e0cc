"""Wide ResNet: Wide Residual Networks (Zagoruyko and Komodakis, 2016, arXiv:1605.07146).

The networks for small images; those for ImageNet are ResNets with wider bottlenecks, in `resnet`.
"""

from kapps.applications._application import Application
from kapps.applications.imagenet_utils import preprocess_input
from kapps.applications.resnet_cifar import FILTERS, FLAVORS
from kapps.layers import Blocks


def preactivated(x, nn: Blocks, filters: int, strides: int, *, name: str):
    """Two 3x3 convolutions, each after its normalisation and activation: figure 1c."""
    y = nn.act(nn.norm(x, name=f"{name}_1_norm"), name=f"{name}_1_act")
    if nn.channels(x) != filters:
        x = nn.conv(y, filters, 1, strides, use_bias=False, name=f"{name}_shortcut_conv")
    y = nn.conv(y, filters, 3, strides, use_bias=False, name=f"{name}_1_conv")
    y = nn.act(nn.norm(y, name=f"{name}_2_norm"), name=f"{name}_2_act")
    y = nn.conv(y, filters, 3, use_bias=False, name=f"{name}_2_conv")
    return nn.residual(x, y, name=name)


def backbone(x, nn: Blocks, *, depth: int, width: int):
    x = nn.conv(x, FILTERS[0], 3, use_bias=False, name="stem_conv")
    for stage, filters in enumerate(FILTERS, 1):  # table 1
        for block in range(1, (depth - 4) // 6 + 1):
            strides, name = 2 if block == 1 and stage > 1 else 1, f"stage{stage}_block{block}"
            x = preactivated(x, nn, filters * width, strides, name=name)
    return nn.act(nn.norm(x, name="head_norm"), name="head_act")


WideResNet28_10 = Application(
    "WideResNet28_10",
    backbone,
    size=32,
    classes=10,
    flavors=FLAVORS,
    blocks={"kernel_initializer": "he_normal"},
    config={"depth": 28, "width": 10},
    stages={0: 1, 1: 2, 2: 3},
)

__all__ = ["WideResNet28_10", "preprocess_input"]
