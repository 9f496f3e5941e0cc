"""DarkNet: YOLO9000: Better, Faster, Stronger (Redmon and Farhadi, 2016, arXiv:1612.08242).

DarkNet53 is that of YOLOv3 (Redmon and Farhadi, 2018, arXiv:1804.02767). CSPDarkNet53, half of
whose channels go around the blocks of a stage, is CSPNet's (Wang et al., 2019, arXiv:1911.11929).
They are the backbones of YOLOv2, v3 and v4.
"""

from dataclasses import replace

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks

STAGES19 = (  # filters of the 3x3 and 1x1 convolutions in turn: table 6 of YOLO9000
    (32,),
    (64,),
    (128, 64, 128),
    (256, 128, 256),
    (512, 256, 512, 256, 512),
    (1024, 512, 1024, 512, 1024),
)
STAGES53 = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))  # filters, blocks: table 1 of YOLOv3

TORCH = Flavor("torch", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9)
# As Darknet computes and its .weights are trained: pixels as shares of 255.
DARKNET = Flavor("unit", padding="symmetric", norm_epsilon=1e-6, crop_pct=1.0)


def backbone19(x, nn: Blocks, *, negative_slope: float):
    """Without the last convolution, whose mean is the classifier of the mean."""
    nn = replace(nn, negative_slope=negative_slope)
    for stage, convolutions in enumerate(STAGES19):
        if stage:
            x = nn.max_pool(x, 2, strides=2, padding="valid", name=f"stage{stage}_pool")
        for index, filters in enumerate(convolutions, 1):
            name = f"stage{stage}_{index}" if stage else "stem"
            x = nn.conv_norm_act(x, filters, 3 if index % 2 else 1, name=name)
    return x


def dark_blocks(x, nn: Blocks, blocks: int, inner: int, *, stage: int):
    """`blocks` times a 1x1 convolution to `inner` filters, a 3x3 one back, and the input added."""
    for index in range(1, blocks + 1):
        name = f"stage{stage}_block{index}"
        y = nn.conv_norm_act(x, inner, name=f"{name}_1")
        y = nn.conv_norm_act(y, nn.channels(x), 3, name=f"{name}_2")
        x = nn.residual(x, y, name=name)
    return x


def backbone53(x, nn: Blocks, *, negative_slope: float):
    nn = replace(nn, negative_slope=negative_slope)
    x = nn.conv_norm_act(x, 32, 3, name="stem")
    for stage, (filters, blocks) in enumerate(STAGES53, 1):
        x = nn.conv_norm_act(x, filters, 3, strides=2, name=f"stage{stage}_downsample")
        x = dark_blocks(x, nn, blocks, filters // 2, stage=stage)
    return x


def backbone_csp(x, nn: Blocks, *, negative_slope: float):
    nn = replace(nn, negative_slope=negative_slope)
    x = nn.conv_norm_act(x, 32, 3, name="stem")
    for stage, (filters, blocks) in enumerate(STAGES53, 1):
        name = f"stage{stage}"
        x = nn.conv_norm_act(x, filters, 3, strides=2, name=f"{name}_downsample")
        # The first stage has so few channels that both ways keep all of them.
        part = filters if stage == 1 else filters // 2
        around = nn.conv_norm_act(x, part, name=f"{name}_around")
        through = nn.conv_norm_act(x, part, name=f"{name}_through")
        through = dark_blocks(through, nn, blocks, filters // 2, stage=stage)
        through = nn.conv_norm_act(through, part, name=f"{name}_transition")
        x = nn.concat([around, through], name=f"{name}_concat")
        x = nn.conv_norm_act(x, filters, name=f"{name}_merge")
    return x


def _application(
    name: str, backbone, size: int, slope: float, flavor: Flavor, references: tuple = ()
) -> Application:
    return Application(
        name,
        backbone,
        size=size,
        flavors={"torch": flavor, "darknet": DARKNET},
        activation="leaky_relu",
        blocks={"kernel_initializer": "he_normal"},
        arguments={"negative_slope": slope},
        stages={level: level for level in range(1, 6)},
        references=references,
    )


# The papers' slope is 0.1, which is DarkNet19's; timm trained its weights of the others with 0.01.
DarkNet19 = _application("DarkNet19", backbone19, 224, 0.1, TORCH)
DarkNet53 = _application(
    "DarkNet53",
    backbone53,
    256,
    0.01,
    replace(TORCH, crop_pct=0.887, interpolation="bicubic"),
    (reference("timm/darknet53", "torch"),),
)
CSPDarkNet53 = _application(
    "CSPDarkNet53",
    backbone_csp,
    256,
    0.01,
    replace(TORCH, crop_pct=0.887),
    (reference("timm/cspdarknet53", "torch"),),
)

__all__ = ["CSPDarkNet53", "DarkNet19", "DarkNet53", "decode_predictions", "preprocess_input"]
