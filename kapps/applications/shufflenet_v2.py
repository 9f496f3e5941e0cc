"""ShuffleNetV2: Practical Guidelines for Efficient CNN Architecture Design (Ma et al., 2018).

arXiv:1807.11164.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, ChannelShuffle, ChannelSlice

BLOCKS = (4, 8, 4)  # of stages 2, 3 and 4: table 5 of the paper
FILTERS = {  # of the same stages and of the last convolution, by the width of the network
    "0_5": (48, 96, 192, 1024),
    "1_0": (116, 232, 464, 1024),
    "1_5": (176, 352, 704, 1024),
    "2_0": (244, 488, 976, 2048),
}


def unit(x, nn: Blocks, filters: int, strides: int, *, name: str):
    """Half of the channels are filtered, half go by; then they mix: figure 3 (c) and (d).

    A unit that strides takes all channels into both halves.
    """
    half = filters // 2
    if strides == 1:
        shortcut = ChannelSlice(0, half, nn.data_format, name=f"{name}_shortcut")(x)
        x = ChannelSlice(half, filters, nn.data_format, name=f"{name}_branch")(x)
    else:
        shortcut = nn.depthwise_norm_act(
            x, 3, strides, activation=False, name=f"{name}_shortcut_depthwise"
        )
        shortcut = nn.conv_norm_act(shortcut, half, name=f"{name}_shortcut_project")
    x = nn.conv_norm_act(x, half, name=f"{name}_expand")
    x = nn.depthwise_norm_act(x, 3, strides, activation=False, name=f"{name}_depthwise")
    x = nn.conv_norm_act(x, half, name=f"{name}_project")
    x = nn.concat([shortcut, x], name=f"{name}_concat")
    return ChannelShuffle(2, nn.data_format, name=f"{name}_shuffle")(x)


def backbone(x, nn: Blocks, *, filters: tuple[int, ...]):
    x = nn.conv_norm_act(x, 24, 3, strides=2, name="stem")
    x = nn.max_pool(x, 3, strides=2, name="stage1_pool")
    for stage, (width, blocks) in enumerate(zip(filters, BLOCKS, strict=False), 2):
        for block in range(1, blocks + 1):
            strides = 2 if block == 1 else 1
            x = unit(x, nn, width, strides, name=f"stage{stage}_block{block}")
    return nn.conv_norm_act(x, filters[-1], name="head")


def _application(width: str, crop_pct: float):
    return Application(
        f"ShuffleNetV2_{width}x",
        backbone,
        size=224,
        flavors={
            "torch": Flavor(
                "torch",
                padding="symmetric",
                norm_epsilon=1e-5,
                norm_momentum=0.9,
                crop_pct=crop_pct,
            )
        },
        config={"filters": FILTERS[width]},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"torchvision/shufflenet_v2_x{width}", "torch"),),
    )


# torchvision trained the two wide ones later, and shows them more of the picture.
ShuffleNetV2_0_5x = _application("0_5", crop_pct=224 / 256)
ShuffleNetV2_1_0x = _application("1_0", crop_pct=224 / 256)
ShuffleNetV2_1_5x = _application("1_5", crop_pct=224 / 232)
ShuffleNetV2_2_0x = _application("2_0", crop_pct=224 / 232)

__all__ = [
    "ShuffleNetV2_0_5x",
    "ShuffleNetV2_1_0x",
    "ShuffleNetV2_1_5x",
    "ShuffleNetV2_2_0x",
    "decode_predictions",
    "preprocess_input",
]
