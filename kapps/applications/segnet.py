"""SegNet: A Deep Convolutional Encoder-Decoder Architecture (Badrinarayanan et al., 2017,
arXiv:1511.00561).

The thirteen convolutions of VGG16 and their mirror image; each map is enlarged by putting values
back where the maxima of the pooling were (section 3), so no detail map is kept beside it.
"""

from kapps.applications._dense import DenseApplication
from kapps.applications.fcn import VOC
from kapps.applications.vgg import DEPTHS, FILTERS
from kapps.layers import Blocks, MaxPoolingWithSwitches2D, MaxUnpooling2D, class_map

BLOCKS = DEPTHS[16]


def segnet(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    classifier_activation: str | None,
):
    switches = []
    for stage, x in enumerate(maps, 1):  # before each pooling
        pool = MaxPoolingWithSwitches2D(2, data_format=nn.data_format, name=f"neck_pool{stage}")
        x, places = pool(x)
        switches.append(places)
    for stage in range(len(maps), 0, -1):
        size = maps[stage - 1].shape[1:3] if nn.axis == -1 else maps[stage - 1].shape[2:4]
        back = MaxUnpooling2D(size, 2, data_format=nn.data_format, name=f"head_unpool{stage}")
        x = back([x, switches[stage - 1]])
        for block in range(BLOCKS[stage - 1], 0, -1):
            # The last one of a stage gives as many channels as the next, larger map has.
            filters = FILTERS[stage - 1] if block > 1 else FILTERS[max(stage - 2, 0)]
            if stage == 1 and block == 1:
                x = nn.conv(x, classes, 3, name="predictions")
            else:
                x = nn.conv_norm_act(x, filters, 3, name=f"head_stage{stage}_block{block}")
    return class_map(x, nn, image_size, classifier_activation)


SegNet = DenseApplication(
    "SegNet",
    "segmentation",
    segnet,
    "VGG16BN",
    levels=tuple(f"stage{stage}_block{blocks}_act" for stage, blocks in enumerate(BLOCKS, 1)),
    size=256,
    blocks={"use_bias": True},
    arguments={"classifier_activation": "softmax"},
    classes=VOC,
)

__all__ = ["SegNet"]
