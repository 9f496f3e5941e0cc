"""ResNetV2: Identity Mappings in Deep Residual Networks (He et al., 2016, arXiv:1603.05027).

A stage is what has one resolution. Keras strides in the last block of the paper's stages, timm in
the first, so that block opens a stage here in either flavor, and the pyramids are the same.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.resnet import DEPTHS
from kapps.layers import Blocks
from kapps.layers.residual import FILTERS

FLAVORS = {
    "keras": Flavor(
        "tensorflow",
        padding="symmetric",
        norm_epsilon=1.001e-5,
        config={"strides_last": True, "use_bias": True},
    ),
    "torch": Flavor(
        "tensorflow",
        padding="symmetric",
        norm_epsilon=1e-5,
        norm_momentum=0.9,
        config={"strides_last": False, "use_bias": False},
    ),
}


def preactivated(x, nn: Blocks, filters: int, strides: int, use_bias: bool, *, name: str):
    """Normalisation and activation before each convolution: figure 4e of the paper."""
    shortcut = x
    x = nn.act(nn.norm(x, name=f"{name}_preact_norm"), name=f"{name}_preact_act")
    if nn.channels(shortcut) != 4 * filters:
        shortcut = nn.conv(
            x, 4 * filters, 1, strides, use_bias=use_bias, name=f"{name}_shortcut_conv"
        )
    elif strides > 1:
        shortcut = nn.max_pool(shortcut, 1, strides, name=f"{name}_shortcut_pool")
    x = nn.conv_norm_act(x, filters, name=f"{name}_1")
    x = nn.conv_norm_act(x, filters, 3, strides, name=f"{name}_2")
    x = nn.conv(x, 4 * filters, use_bias=use_bias, name=f"{name}_3_conv")
    return nn.residual(shortcut, x, name=name)


def backbone(x, nn: Blocks, *, depths: tuple[int, ...], strides_last: bool, use_bias: bool):
    x = nn.conv(x, 64, 7, strides=2, use_bias=use_bias, name="stem_conv")
    if strides_last:  # Keras pads with zeros, which count: no ReLU made all values positive
        x = nn.max_pool(x, 3, strides=2, name="stem_pool")
    else:  # torch's padding never wins: the maximum around each second pixel
        x = nn.max_pool(x, 3, strides=1, padding="same", name="stem_pool")
        x = nn.max_pool(x, 1, strides=2, name="stem_subsample")
    stage, block = 1, 0
    for filters, blocks in zip(FILTERS, depths, strict=True):
        strides = [1] * blocks
        if strides_last and filters < FILTERS[-1]:
            strides[-1] = 2
        elif not strides_last and filters > FILTERS[0]:
            strides[0] = 2
        for stride in strides:
            stage, block = (stage, block + 1) if stride == 1 else (stage + 1, 1)
            name = f"stage{stage}_block{block}"
            x = preactivated(x, nn, filters, stride, use_bias, name=name)
    return nn.act(nn.norm(x, name="head_norm"), name="head_act")


def _application(depth: int) -> Application:
    name = f"ResNet{depth}V2"
    return Application(
        name,
        backbone,
        size=224,
        flavors=FLAVORS,
        config={"depths": DEPTHS[depth]},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(
            reference(f"keras/{name}", "keras"),
            reference(f"timm/resnetv2_{depth}", "torch"),
        ),
    )


ResNet50V2 = _application(50)
ResNet101V2 = _application(101)
ResNet152V2 = _application(152)

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]
