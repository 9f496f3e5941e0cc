"""Inception-ResNet-v2: Inception-v4, Inception-ResNet and the Impact of Residual Connections on
Learning (Szegedy et al., 2016, arXiv:1602.07261).
"""

from keras import layers

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.inception import AVG_POOL, MAX_POOL, mixed, stem

# The published network, whose stem, first blocks and filters are not those of the paper's figures.
MIXED_5B = ([(96, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)], [AVG_POOL, (64, 1)])
MIXED_6A = ([(384, 3, 2)], [(256, 1), (256, 3), (384, 3, 2)], [MAX_POOL])
MIXED_7A = (
    [(256, 1), (384, 3, 2)],
    [(256, 1), (288, 3, 2)],
    [(256, 1), (288, 3), (320, 3, 2)],
    [MAX_POOL],
)
BLOCK_35 = ([(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)])
BLOCK_17 = ([(192, 1)], [(128, 1), (160, (1, 7)), (192, (7, 1))])
BLOCK_8 = ([(192, 1)], [(192, 1), (224, (1, 3)), (256, (3, 1))])
STAGES = (  # stage, first block, residual block, how many, scale of the residual (section 3.3)
    (3, MIXED_5B, BLOCK_35, 10, 0.17),
    (4, MIXED_6A, BLOCK_17, 20, 0.10),
    (5, MIXED_7A, BLOCK_8, 9, 0.20),
)


def inception_residual(x, nn: Blocks, block, scale, name):
    """A mixed block, projected without normalisation, scaled, added to the input; linear."""
    shortcut = x
    x = mixed(x, nn, block, name=name)
    x = nn.conv(x, nn.channels(shortcut), name=f"{name}_project_conv")
    if scale != 1:
        x = layers.Rescaling(scale, name=f"{name}_scale")(x)
    return nn.residual(shortcut, x, name=name)


def backbone(x, nn: Blocks):
    x = stem(x, nn)
    for stage, first, block, blocks, scale in STAGES:
        x = mixed(x, nn, first, name=f"stage{stage}_block1")
        for index in range(2, blocks + 2):
            name = f"stage{stage}_block{index}"
            x = nn.act(inception_residual(x, nn, block, scale, name), name=f"{name}_act")
    x = inception_residual(x, nn, BLOCK_8, 1, "stage5_block11")
    return nn.conv_norm_act(x, 1536, name="stage5_block12")


InceptionResNetV2 = Application(
    "InceptionResNetV2",
    backbone,
    size=299,
    min_size=75,
    flavors={
        "keras": Flavor("tensorflow", blocks={"norm_scale": False}),
        "torch": Flavor("tensorflow", norm_momentum=0.9, crop_pct=0.8975, interpolation="bicubic"),
    },
    stages={1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
    references=(
        reference("keras/InceptionResNetV2", "keras"),
        reference("timm/inception_resnet_v2", "torch"),
    ),
)

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]
