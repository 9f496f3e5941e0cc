"""SqueezeNet: AlexNet-level Accuracy with 50x Fewer Parameters (Iandola et al., arXiv:1602.07360).

Version 1.1 is the authors' later one: smaller filters in the stem, poolings moved forward.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._graph import convolutional_classifier
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, ceil_max_pool

SQUEEZE = (16, 16, 32, 32, 48, 48, 64, 64)  # s1x1 of fire2 to fire9: table 1; it expands eightfold
STEMS = {"1.0": (96, 7), "1.1": (64, 3)}  # filters and kernel size
STAGES = {"1.0": (3, 4, 1), "1.1": (2, 2, 4)}  # fire modules between poolings


def fire(x, nn: Blocks, squeeze: int, *, name: str):
    """A 1x1 convolution that squeezes, 1x1 and 3x3 side by side that expand: figure 1."""
    x = nn.act(nn.conv(x, squeeze, name=f"{name}_squeeze_conv"), name=f"{name}_squeeze_act")
    sides = []
    for size in (1, 3):
        side = f"{name}_expand{size}"
        y = nn.conv(x, 4 * squeeze, size, name=f"{side}_conv")
        sides.append(nn.act(y, name=f"{side}_act"))
    return nn.concat(sides, name=f"{name}_concat")


def backbone(x, nn: Blocks, *, version: str):
    filters, size = STEMS[version]
    x = nn.conv(x, filters, size, strides=2, padding="valid", name="stage1_conv")
    x = nn.act(x, name="stage1_act")
    squeeze = iter(SQUEEZE)
    for stage, blocks in enumerate(STAGES[version], 2):
        x = ceil_max_pool(x, nn, 3, 2, name=f"stage{stage}_pool")
        for block in range(1, blocks + 1):
            x = fire(x, nn, next(squeeze), name=f"stage{stage}_block{block}")
    return x


def _application(version: str) -> Application:
    number = version.replace(".", "_")
    return Application(
        f"SqueezeNet{number}",
        backbone,
        classifier=convolutional_classifier,
        size=224,
        flavors={"torch": Flavor("torch", padding="symmetric", dropout=0.5)},
        config={"version": version},
        stages={1: 1, 2: 2, 3: 3, 4: 4},
        references=(reference(f"torchvision/squeezenet{number}", "torch"),),
    )


SqueezeNet1_0 = _application("1.0")
SqueezeNet1_1 = _application("1.1")

__all__ = ["SqueezeNet1_0", "SqueezeNet1_1", "decode_predictions", "preprocess_input"]
