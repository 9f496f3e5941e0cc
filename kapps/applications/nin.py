"""NiN: Network In Network (Lin et al., 2013, arXiv:1312.4400).

The network for ImageNet is the authors' of Caffe's model zoo: after each convolution two 1x1
convolutions, a small network for each pixel, and in the end an average instead of dense layers.
"""

from kapps.applications._application import Application, Flavor
from kapps.applications._graph import convolutional_classifier
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, ceil_max_pool

STAGES = (  # filters, kernel_size, strides, padding: train_val.prototxt of the model zoo
    (96, 11, 4, "valid"),
    (256, 5, 1, "same"),
    (384, 3, 1, "same"),
    (1024, 3, 1, "same"),
)


def backbone(x, nn: Blocks):
    for stage, (filters, kernel_size, strides, padding) in enumerate(STAGES, 1):
        name = f"stage{stage}"
        if stage > 1:
            x = ceil_max_pool(x, nn, 3, 2, name=f"{name}_pool")
        if stage == len(STAGES):
            x = nn.dropout(x, 0.5, name=f"{name}_dropout")
        x = nn.conv(x, filters, kernel_size, strides, padding=padding, name=f"{name}_conv")
        x = nn.act(x, name=f"{name}_act")
        # The last pixel's network ends in the classifier.
        for layer in (1, 2) if stage < len(STAGES) else (1,):
            part = f"{name}_mlp{layer}"
            x = nn.act(nn.conv(x, filters, name=f"{part}_conv"), name=f"{part}_act")
    return x


NiN = Application(
    "NiN",
    backbone,
    classifier=convolutional_classifier,
    size=224,
    min_size=39,
    flavors={"keras": Flavor("caffe")},
    stages={2: 1, 3: 2, 4: 3, 5: 4},
)

__all__ = ["NiN", "decode_predictions", "preprocess_input"]
