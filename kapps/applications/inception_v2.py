"""BN-Inception, Inception-v2: Batch Normalization (Ioffe and Szegedy, 2015, arXiv:1502.03167)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.inception import AVG_POOL, mixed
from kapps.layers.pooling import ceil_max_pool

SAME_MAX_POOL, HALVING_MAX_POOL = ("max_pool", 1, "same"), ("max_pool", 2, "same")


def block(one, reduce, three, reduce_double, double, pool, projection):
    """GoogLeNet's, with two 3x3 for the 5x5: the columns of figure 5."""
    return (
        [(one, 1)],
        [(reduce, 1), (three, 3)],
        [(reduce_double, 1), (double, 3), (double, 3)],
        [pool, (projection, 1)],
    )


def halving(reduce, three, reduce_double, double):
    """The same with strides, without its 1x1 and its projection."""
    return (
        [(reduce, 1), (three, 3, 2, "symmetric")],
        [(reduce_double, 1), (double, 3), (double, 3, 2, "symmetric")],
        [HALVING_MAX_POOL],
    )


STAGES = {  # figure 5, in the appendix
    3: (
        block(64, 64, 64, 64, 96, AVG_POOL, 32),  # 3a
        block(64, 64, 96, 64, 96, AVG_POOL, 64),
    ),
    4: (
        halving(128, 160, 64, 96),  # 3c
        block(224, 64, 96, 96, 128, AVG_POOL, 128),  # 4a
        block(192, 96, 128, 96, 128, AVG_POOL, 128),
        # The figure projects these two to 96; the published network, Caffe's, does to 128.
        block(160, 128, 160, 128, 160, AVG_POOL, 128),
        block(96, 128, 192, 160, 192, AVG_POOL, 128),
    ),
    5: (
        halving(128, 192, 192, 256),  # 4e
        block(352, 192, 320, 160, 224, AVG_POOL, 128),  # 5a
        block(352, 192, 320, 192, 224, SAME_MAX_POOL, 128),
    ),
}


def backbone(x, nn: Blocks):
    x = nn.conv_norm_act(x, 64, 7, strides=2, name="stem")
    x = ceil_max_pool(x, nn, 3, 2, name="stage2_pool")
    x = nn.conv_norm_act(x, 64, name="stage2_block1")
    x = nn.conv_norm_act(x, 192, 3, name="stage2_block2")
    x = ceil_max_pool(x, nn, 3, 2, name="stage3_pool")
    for stage, blocks in STAGES.items():
        for index, branches in enumerate(blocks, 1):
            name = f"stage{stage}_block{index}"
            x = mixed(x, nn, branches, count_padding=True, name=name)
    return x


InceptionV2 = Application(
    "InceptionV2",
    backbone,
    size=224,
    flavors={
        "torch": Flavor("caffe128", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9)
    },
    blocks={"use_bias": True},  # Caffe's convolutions keep theirs before a normalisation
    stages={2: 2, 3: 3, 4: 4, 5: 5},
    references=(reference("pretrainedmodels/bninception", "torch"),),
)

__all__ = ["InceptionV2", "decode_predictions", "preprocess_input"]
