"""ResNet: Deep Residual Learning for Image Recognition (He et al., 2015, arXiv:1512.03385).

Also ResNeXt (Xie et al., 2016, arXiv:1611.05431), whose 3x3 convolutions have groups, and Wide
ResNet (Zagoruyko and Komodakis, 2016, arXiv:1605.07146), whose 3x3 convolutions have more filters.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks

FILTERS = (64, 128, 256, 512)
DEPTHS = {  # blocks of each stage: table 1 of the paper
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
KERAS = Flavor(  # the paper's own networks, from Caffe
    "caffe",
    padding="symmetric",
    norm_epsilon=1.001e-5,
    blocks={"use_bias": True},
    config={"strides_on": 1},
)
TORCH = Flavor(
    "torch",
    padding="symmetric",
    norm_epsilon=1e-5,
    norm_momentum=0.9,
    config={"strides_on": 3},  # "v1.5": later than in the paper, and better
)


def basic(x, nn: Blocks, filters: int, strides: int, *, name: str):
    """Two 3x3 convolutions: figure 5 of the paper, left."""
    x = nn.conv_norm_act(x, filters, 3, strides, name=f"{name}_1")
    return nn.conv_norm_act(x, filters, 3, activation=False, name=f"{name}_2")


def bottleneck(
    x, nn: Blocks, filters: int, strides: int, groups: int, width: int, strides_on: int, *, name
):
    """1x1, 3x3 and 1x1 convolutions: figure 5 of the paper, right.

    `width` counts the filters of a group for 64 `filters`; `strides_on` is the size of the
    convolution that strides, 1 or 3.
    """
    inner = filters * width // 64 * groups
    x = nn.conv_norm_act(x, inner, 1, strides if strides_on == 1 else 1, name=f"{name}_1")
    x = nn.conv_norm_act(
        x, inner, 3, strides if strides_on == 3 else 1, groups=groups, name=f"{name}_2"
    )
    return nn.conv_norm_act(x, 4 * filters, activation=False, name=f"{name}_3")


def backbone(
    x,
    nn: Blocks,
    *,
    depths: tuple[int, ...],
    strides_on: int,
    basic_blocks: bool = False,
    groups: int = 1,
    width: int = 64,
):
    x = nn.conv_norm_act(x, 64, 7, strides=2, name="stem")
    x = nn.max_pool(x, 3, strides=2, name="stem_pool")
    for stage, (filters, blocks) in enumerate(zip(FILTERS, depths, strict=True), 1):
        for block in range(1, blocks + 1):
            name = f"stage{stage}_block{block}"
            strides = 2 if block == 1 and stage > 1 else 1
            if basic_blocks:
                y = basic(x, nn, filters, strides, name=name)
            else:
                y = bottleneck(x, nn, filters, strides, groups, width, strides_on, name=name)
            if nn.channels(x) != nn.channels(y):
                x = nn.conv_norm_act(
                    x, nn.channels(y), 1, strides, activation=False, name=f"{name}_shortcut"
                )
            x = nn.act(nn.residual(x, y, name=name), name=f"{name}_act")
    return x


def _application(name: str, depth: int, torch_name: str, in_keras: bool = False, **config):
    torch = tuple(reference(f"{lib}/{torch_name}", "torch") for lib in ("timm", "torchvision"))
    return Application(
        name,
        backbone,
        size=224,
        flavors={"keras": KERAS, "torch": TORCH} if in_keras else {"torch": TORCH},
        config={"depths": DEPTHS[depth], **config},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=((reference(f"keras/{name}", "keras"),) if in_keras else ()) + torch,
    )


ResNet18 = _application("ResNet18", 18, "resnet18", basic_blocks=True)
ResNet34 = _application("ResNet34", 34, "resnet34", basic_blocks=True)
ResNet50 = _application("ResNet50", 50, "resnet50", in_keras=True)
ResNet101 = _application("ResNet101", 101, "resnet101", in_keras=True)
ResNet152 = _application("ResNet152", 152, "resnet152", in_keras=True)
ResNeXt50_32x4d = _application("ResNeXt50_32x4d", 50, "resnext50_32x4d", groups=32, width=4)
ResNeXt101_32x8d = _application("ResNeXt101_32x8d", 101, "resnext101_32x8d", groups=32, width=8)
ResNeXt101_64x4d = _application("ResNeXt101_64x4d", 101, "resnext101_64x4d", groups=64, width=4)
WideResNet50_2 = _application("WideResNet50_2", 50, "wide_resnet50_2", width=128)
WideResNet101_2 = _application("WideResNet101_2", 101, "wide_resnet101_2", width=128)

__all__ = [
    "ResNeXt50_32x4d",
    "ResNeXt101_32x8d",
    "ResNeXt101_64x4d",
    "ResNet18",
    "ResNet34",
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "WideResNet50_2",
    "WideResNet101_2",
    "decode_predictions",
    "preprocess_input",
]
