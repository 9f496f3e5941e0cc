"""VGG: Very Deep Convolutional Networks (Simonyan and Zisserman, 2015, arXiv:1409.1556)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, adaptive_avg_pool

FILTERS = (64, 128, 256, 512, 512)
DEPTHS = {  # convolutions of each stage: columns A, B, D and E in table 1 of the paper
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
KERAS = Flavor("caffe")
TORCH = Flavor(
    "torch",
    padding="symmetric",
    norm_epsilon=1e-5,
    norm_momentum=0.9,
    dropout=0.5,
    fixed_size=False,
    config={
        "map_size": 7
    },  # torchvision's; timm pools smaller maps to it and convolves larger ones
)


def backbone(
    x, nn: Blocks, *, depths: tuple[int, ...], norm: bool, rounding_up: tuple[int, ...] = ()
):
    """Stages of 3x3 convolutions; the pools of some may round an odd size up, as SSD's do."""
    for stage, (filters, blocks) in enumerate(zip(FILTERS, depths, strict=True), 1):
        for block in range(1, blocks + 1):
            name = f"stage{stage}_block{block}"
            if norm:
                x = nn.conv_norm_act(x, filters, 3, name=name)
            else:
                x = nn.act(nn.conv(x, filters, 3, name=f"{name}_conv"), name=f"{name}_act")
        padding = "same" if stage in rounding_up else "valid"
        x = nn.max_pool(x, 2, strides=2, padding=padding, name=f"stage{stage}_pool")
    return x


def top(x, nn: Blocks, *, dropout: float, map_size: int | None = None):
    if map_size:
        x = adaptive_avg_pool(x, nn, map_size, name="adaptive_pool")
    x = nn.flatten(x, name="flatten")
    x = nn.act(nn.dense(x, 4096, name="fc1"), name="fc1_act")
    x = nn.dropout(x, dropout, name="fc1_dropout")
    return nn.act(nn.dense(x, 4096, name="fc2"), name="fc2_act")


def _application(depth: int, norm: bool = False) -> Application:
    in_keras = depth >= 16 and not norm
    keras_name = f"VGG{depth}{'BN' if norm else ''}"
    torch_name = f"vgg{depth}{'_bn' if norm else ''}"
    torch = tuple(reference(f"{lib}/{torch_name}", "torch") for lib in ("timm", "torchvision"))
    return Application(
        keras_name,
        backbone,
        top=top,
        top_layers=("fc1", "fc2"),
        size=224,
        fixed_size=True,
        flavors={"keras": KERAS, "torch": TORCH} if in_keras else {"torch": TORCH},
        blocks={"use_bias": True},  # torch's convolutions keep theirs before a normalisation
        config={"depths": DEPTHS[depth], "norm": norm},
        stages={level: level for level in range(1, 6)},
        references=((reference(f"keras/{keras_name}", "keras"),) if in_keras else ()) + torch,
    )


VGG11 = _application(11)
VGG13 = _application(13)
VGG16 = _application(16)
VGG19 = _application(19)
VGG11BN = _application(11, norm=True)
VGG13BN = _application(13, norm=True)
VGG16BN = _application(16, norm=True)
VGG19BN = _application(19, norm=True)

__all__ = [
    "VGG11",
    "VGG11BN",
    "VGG13",
    "VGG13BN",
    "VGG16",
    "VGG16BN",
    "VGG19",
    "VGG19BN",
    "decode_predictions",
    "preprocess_input",
]
