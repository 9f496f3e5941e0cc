"""U-Net: Convolutional Networks for Biomedical Image Segmentation (Ronneberger et al., 2015,
arXiv:1505.04597).

`UNet()` is the paper's, from scratch, with padding, so that the map of classes is as large as the
image, and with batch normalisation unless `norm=False`. `UNet(backbone="EfficientNetLite0")` has
any convolutional application as its contracting path and is then segmentation-models-pytorch's
(Iakubovskii, 2019): the nearest pixel in place of transposed convolutions, and a last 3x3.
"""

from dataclasses import replace

from keras import layers

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._dense import DenseApplication
from kapps.applications.fcn import VOC
from kapps.layers import Blocks, NearestResize, class_map, conv_transpose

STAGES = 5  # figure 1: 64, 128, 256, 512 and 1024 filters


def double(x, nn: Blocks, filters: int, norm: bool, *, name: str):
    """Two 3x3 convolutions, each with its ReLU."""
    for step in (1, 2):
        own = f"{name}_block{step}"
        if norm:
            x = nn.conv_norm_act(x, filters, 3, name=own)
        else:
            x = nn.act(nn.conv(x, filters, 3, name=f"{own}_conv"), name=f"{own}_act")
    return x


def contract(x, nn: Blocks, *, filters: int, norm: bool):
    """The left side of figure 1."""
    for stage in range(1, STAGES + 1):
        if stage > 1:
            x = nn.max_pool(x, 2, 2, "valid", name=f"stage{stage}_pool")
        x = double(x, nn, filters * 2 ** (stage - 1), norm, name=f"stage{stage}")
    return nn.dropout(x, 0.5, name=f"stage{STAGES}_dropout")  # section 3.1


PLAIN = Application(
    "UNetContraction",
    contract,
    size=256,
    flavors={"keras": Flavor("tensorflow")},
    blocks={"kernel_initializer": "he_normal"},  # section 3
    config={"filters": 64, "norm": True},
    stages={level: level + 1 for level in range(STAGES)},
    min_size=16,
)


def _sized(body: Application, *, filters: int, norm: bool) -> Application:
    """The contracting path as wide as the expanding one; that of a backbone is what it is."""
    return replace(body, config={"filters": filters, "norm": norm}) if body is PLAIN else body


def _levels(body: Application) -> tuple[int | str, ...]:
    """Every map that is twice as large as the next."""
    return tuple(body.stages) if 0 in body.stages else ("stem", 2, 3, 4, 5)


def unet(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    classifier_activation: str | None,
    filters: int,
    norm: bool,
    backbone: str | None,
):
    *skips, x = maps
    if backbone is None:
        for step, skip in enumerate(reversed(skips), 1):
            width, name = nn.channels(skip), f"head_up{step}"
            x = conv_transpose(x, nn, width, 2, name=name)
            x = nn.concat([skip, x], name=f"{name}_concat")
            x = double(x, nn, width, norm, name=name)
        x = nn.conv(x, classes, name="predictions")
    else:
        for step, skip in enumerate((*reversed(skips), None), 1):
            name = f"head_up{step}"
            x = _enlarged(x, skip, nn, name)
            x = double(x, nn, max(1, filters * 8 // 2**step), norm, name=name)
        x = nn.conv(x, classes, 3, name="predictions")
    return class_map(x, nn, image_size, classifier_activation)


def _enlarged(x, skip, nn: Blocks, name: str):
    """A map at the size of the skipped one beside it, or twice as large without one."""
    if skip is None:
        return layers.UpSampling2D(2, nn.data_format, name=f"{name}_resize")(x)
    x = NearestResize(data_format=nn.data_format, name=f"{name}_resize")([x, skip])
    return nn.concat([x, skip], name=f"{name}_concat")


UNet = DenseApplication(
    "UNet",
    "segmentation",
    unet,
    None,
    levels=_levels,
    plain=PLAIN,
    size=256,
    any_backbone=True,
    adapt=_sized,
    arguments={"classifier_activation": "softmax", "filters": 64, "norm": True},
    references=(
        reference("smp/unet_resnet18", "torch", backbone="ResNet18"),
        reference("smp/unet_resnet50", "torch", backbone="ResNet50"),
    ),
    classes=VOC,
)

__all__ = ["UNet"]
