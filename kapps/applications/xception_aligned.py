"""Modified Aligned Xception: Encoder-Decoder with Atrous Separable Convolution for Semantic Image
Segmentation, DeepLabv3+ (Chen et al., 2018, arXiv:1802.02611).

Xception with strided convolutions for its pooling, a normalisation after each depthwise
convolution, and a deeper middle flow. 41, 65 and 71 count the convolutions.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, drop_path_rates

# Figure 4: the filters of three separable convolutions, and the strides of the third.
ENTRY = (((128,) * 3, 2), ((256,) * 3, 2), ((728,) * 3, 2))
ENTRY_71 = (
    *(((128,) * 3, 2), ((256,) * 3, 1), ((256,) * 3, 2)),
    *(((728,) * 3, 1), ((728,) * 3, 2)),
)
MIDDLE = ((728,) * 3, 1)
EXIT = ((728, 1024, 1024), 2)
LAST = (1536, 1536, 2048)


def separable(x, nn: Blocks, filters, strides=1, activation=None, *, name):
    """A filter for each channel, then a 1x1 convolution, each with a normalisation of its own."""
    x = nn.depthwise_norm_act(x, 3, strides, activation=activation, name=f"{name}_depthwise")
    return nn.conv_norm_act(x, filters, activation=activation, name=f"{name}_pointwise")


def residual_block(x, nn: Blocks, filters, strides, drop_path, name):
    """ReLU before each separable convolution and nowhere else."""
    shortcut = x
    if strides > 1 or nn.channels(x) != filters[-1]:
        shortcut = nn.conv_norm_act(
            x, filters[-1], strides=strides, activation=False, name=f"{name}_shortcut"
        )
    for index, (width, stride) in enumerate(zip(filters, (1, 1, strides), strict=True), 1):
        x = nn.act(x, name=f"{name}_{index}_act")
        x = separable(x, nn, width, stride, activation=False, name=f"{name}_{index}")
    return nn.residual(shortcut, x, drop_path, name=name)


def backbone(x, nn: Blocks, *, entry: tuple, middle: int, drop_path: float):
    x = nn.conv_norm_act(x, 32, 3, strides=2, name="stem")
    x = nn.conv_norm_act(x, 64, 3, name="stage1_block1")
    rows = (*entry, *(MIDDLE,) * middle, EXIT)
    rates = drop_path_rates(drop_path, len(rows) + 1, last=True)  # the last block has no shortcut
    stage = block = 1
    for (filters, strides), rate in zip(rows, rates, strict=False):
        stage, block = (stage + 1, 1) if strides > 1 else (stage, block + 1)
        x = residual_block(x, nn, filters, strides, rate, f"stage{stage}_block{block}")
    for index, filters in enumerate(LAST, 1):
        x = separable(x, nn, filters, name=f"stage5_block2_{index}")
    return x


def _application(depth: int, entry: tuple, middle: int) -> Application:
    return Application(
        f"Xception{depth}",
        backbone,
        size=299,
        flavors={
            "torch": Flavor(
                "tensorflow",
                padding="symmetric",
                norm_momentum=0.9,
                crop_pct=0.903,
                interpolation="bicubic",
            )
        },
        config={"entry": entry, "middle": middle},
        stages={1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
        references=(reference(f"timm/xception{depth}", "torch"),),
    )


Xception41 = _application(41, ENTRY, 8)
Xception65 = _application(65, ENTRY, 16)
Xception71 = _application(71, ENTRY_71, 16)

__all__ = ["Xception41", "Xception65", "Xception71", "decode_predictions", "preprocess_input"]
