"""ZFNet: Visualizing and Understanding Convolutional Networks (Zeiler, Fergus, arXiv:1311.2901)."""

from kapps.applications._application import Application, Flavor
from kapps.applications.alexnet import top
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, LocalResponseNormalization, ceil_max_pool

STAGES = (  # filters, kernel_size, strides, zeros around, whether a pooling follows: figure 3
    (96, 7, 2, 1, True),
    (256, 5, 2, 0, True),
    (384, 3, 1, 1, False),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)


def backbone(x, nn: Blocks):
    for stage, (filters, kernel_size, strides, padding, pooled) in enumerate(STAGES, 1):
        name = f"stage{stage}"
        x = nn.pad(x, padding, name) if padding else x
        x = nn.conv(x, filters, kernel_size, strides, padding="valid", name=f"{name}_conv")
        x = nn.act(x, name=f"{name}_act")
        if pooled:  # 110 to 55 and 26 to 13 pixels: the last window reaches beyond the map
            x = ceil_max_pool(x, nn, 3, 2, name=f"{name}_pool")
        if stage in (1, 2):
            x = LocalResponseNormalization(axis=nn.axis, name=f"{name}_norm")(x)
    return x


ZFNet = Application(
    "ZFNet",
    backbone,
    top=top,
    top_layers=("fc1", "fc2"),
    size=224,
    min_size=47,
    fixed_size=True,
    flavors={"keras": Flavor("caffe", dropout=0.5)},
    stages={2: 1, 4: 2, 5: 5},
)

__all__ = ["ZFNet", "decode_predictions", "preprocess_input"]
