"""ResNet for small images: Deep Residual Learning (He et al., 2015, arXiv:1512.03385, section 4.2).

Shortcuts have no weights ("option A"), so the plain network of the same depth, `residual=False`,
has the same parameters.
"""

from kapps.applications._application import Application, Flavor
from kapps.applications.imagenet_utils import preprocess_input
from kapps.applications.resnet import basic
from kapps.layers import Blocks

FILTERS = (16, 32, 64)
FLAVORS = {
    "torch": Flavor(
        # The paper subtracts a mean image, which a mean and a deviation a channel came to replace.
        "cifar10",
        padding="symmetric",
        norm_epsilon=1e-5,
        norm_momentum=0.9,
        crop_pct=1.0,
    )
}


def backbone(x, nn: Blocks, *, depth: int, residual: bool):
    x = nn.conv_norm_act(x, FILTERS[0], 3, name="stem")
    for stage, filters in enumerate(FILTERS, 1):
        for block in range(1, (depth - 2) // 6 + 1):
            strides, name = 2 if block == 1 and stage > 1 else 1, f"stage{stage}_block{block}"
            y = basic(x, nn, filters, strides, name=name)
            if residual:
                if strides > 1:  # every second pixel, and zeros for the channels that are new
                    x = nn.max_pool(x, 1, strides, name=f"{name}_shortcut_pool")
                    x = nn.pad_channels(x, filters, name=f"{name}_shortcut_pad")
                y = nn.residual(x, y, name=name)
            x = nn.act(y, name=f"{name}_act")
    return x


def _application(depth: int) -> Application:
    return Application(
        f"ResNet{depth}",
        backbone,
        size=32,
        classes=10,
        flavors=FLAVORS,
        blocks={"kernel_initializer": "he_normal"},
        config={"depth": depth},
        arguments={"residual": True},
        stages={0: 1, 1: 2, 2: 3},
    )


ResNet20 = _application(20)
ResNet32 = _application(32)
ResNet44 = _application(44)
ResNet56 = _application(56)
ResNet110 = _application(110)

__all__ = ["ResNet20", "ResNet32", "ResNet44", "ResNet56", "ResNet110", "preprocess_input"]
