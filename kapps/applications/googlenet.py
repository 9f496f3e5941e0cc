"""GoogLeNet, Inception-v1: Going Deeper with Convolutions (Szegedy et al., 2014, arXiv:1409.4842).

`GoogLeNet` is the paper's: biases, local response normalisation, no batch normalisation.
`InceptionV1BN` is the network whose weights are published: normalised, with 3x3 convolutions where
the paper has 5x5 (a slip of TF-slim, which torchvision keeps). With `aux=True` the two classifiers
on the side are further outputs; in training their losses count 0.3 (section 5).

torchvision's pretrained network turns ImageNet's normalisation of its input into (x - 0.5) / 0.5
before the first convolution (`transform_input`), so the latter is the normalisation here.
"""

from functools import partial

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, LocalResponseNormalization
from kapps.layers.adaptive_pooling import adaptive_avg_pool
from kapps.layers.inception import mixed, side_pool
from kapps.layers.pooling import ceil_max_pool

STAGES = {  # table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj
    3: ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    4: (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    5: ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
}
SIDES = {(4, 1): "aux1", (4, 4): "aux2"}  # stage and block that they see: 4a and 4d


def figure_2b(one, reduce3, three, reduce5, five, pool, *, kernel_size):
    return (
        [(one, 1)],
        [(reduce3, 1), (three, 3)],
        [(reduce5, 1), (five, kernel_size)],
        [("max_pool", 1, "same"), (pool, 1)],
    )


def convolve(x, filters, kernel_size=1, strides=1, padding=None, *, nn: Blocks, norm, name):
    """A convolution, normalised or with a bias, and its ReLU."""
    if norm:
        return nn.conv_norm_act(x, filters, kernel_size, strides, padding=padding, name=name)
    x = nn.conv(x, filters, kernel_size, strides, padding=padding, name=f"{name}_conv")
    return nn.act(x, name=f"{name}_act")


def local_response(x, nn: Blocks, name):
    """With the numbers of Caffe's GoogLeNet, whose alpha is divided by the size."""
    return LocalResponseNormalization(5, 1e-4 / 5, 0.75, k=1.0, axis=nn.axis, name=name)(x)


def side(x, nn: Blocks, unit, adaptive, name):
    """Section 5: 4x4 means, 128 filters, 1024 units, 70 % of them dropped."""
    if adaptive:
        x = adaptive_avg_pool(x, nn, 4, name=f"{name}_pool")
    else:
        x = side_pool(x, nn, 5, name=f"{name}_pool")
    x = nn.flatten(unit(x, 128, name=name), name=f"{name}_flatten")
    x = nn.act(nn.dense(x, 1024, name=f"{name}_fc1"), name=f"{name}_fc1_act")
    return nn.dropout(x, 0.7, name=f"{name}_dropout")


def backbone(x, nn: Blocks, *, norm: bool, kernel_size: int, last_pool: int, aux: bool):
    unit = partial(convolve, nn=nn, norm=norm)
    x = unit(x, 64, 7, strides=2, name="stem")
    x = ceil_max_pool(x, nn, 3, 2, name="stage2_pool")
    if not norm:
        x = local_response(x, nn, "stage2_local_response")
    x = unit(x, 64, name="stage2_block1")
    x = unit(x, 192, 3, name="stage2_block2")
    if not norm:
        x = local_response(x, nn, "stage2_block2_local_response")
    sides = {}
    for stage, rows in STAGES.items():
        x = ceil_max_pool(x, nn, last_pool if stage == 5 else 3, 2, name=f"stage{stage}_pool")
        for block, row in enumerate(rows, 1):
            branches = figure_2b(*row, kernel_size=kernel_size)
            x = mixed(x, nn, branches, unit=unit, name=f"stage{stage}_block{block}")
            if aux and (name := SIDES.get((stage, block))):
                sides[name] = side(x, nn, unit, adaptive=norm, name=name)
    return (x, sides) if aux else x


GoogLeNet = Application(
    "GoogLeNet",
    backbone,
    size=224,
    # "RGB with mean subtraction".
    flavors={"keras": Flavor("caffe")},
    config={"norm": False, "kernel_size": 5, "last_pool": 3},
    arguments={"aux": False},
    dropout=0.4,
    stages={2: 2, 3: 3, 4: 4, 5: 5},
)
InceptionV1BN = Application(
    "InceptionV1BN",
    backbone,
    size=224,
    flavors={"torch": Flavor("tensorflow", padding="symmetric", norm_momentum=0.9)},
    config={"norm": True, "kernel_size": 3, "last_pool": 2},
    arguments={"aux": False},
    dropout=0.2,
    stages={2: 2, 3: 3, 4: 4, 5: 5},
    references=(reference("torchvision/googlenet", "torch"),),
)

__all__ = ["GoogLeNet", "InceptionV1BN", "decode_predictions", "preprocess_input"]
