"""BiT: Big Transfer, General Visual Representation Learning (Kolesnikov et al., 2019).

ResNetV2, wider by the factor in its name, with group normalisation and standardised kernels in the
place of batch normalisation (arXiv:1912.11370, section 3.1).
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.applications.resnet import DEPTHS
from kapps.applications.resnet_v2 import preactivated
from kapps.layers import Blocks
from kapps.layers.residual import FILTERS


def backbone(x, nn: Blocks, *, depths: tuple[int, ...], width: int):
    x = nn.conv(x, 64 * width, 7, strides=2, use_bias=False, name="stem_conv")
    # The zeros around it count: no ReLU made all values positive.
    x = nn.max_pool(x, 3, strides=2, name="stem_pool")
    for stage, (filters, blocks) in enumerate(zip(FILTERS, depths, strict=True), 1):
        for block in range(1, blocks + 1):
            strides, name = 2 if block == 1 and stage > 1 else 1, f"stage{stage}_block{block}"
            x = preactivated(x, nn, filters * width, strides, use_bias=False, name=name)
    return nn.act(nn.norm(x, name="head_norm"), name="head_act")


def _application(depth: int, width: int, size: int = 448) -> Application:
    return Application(
        f"BiTResNet{depth}X{width}",
        backbone,
        size=size,  # of the networks fine-tuned on ImageNet
        flavors={"torch": Flavor("tensorflow", padding="symmetric", norm_epsilon=1e-5, crop_pct=1)},
        blocks={"norm_groups": 32, "kernel_epsilon": 1e-8},
        config={"depths": DEPTHS[depth], "width": width},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/resnetv2_{depth}x{width}_bit", "torch"),),
    )


BiTResNet50X1 = _application(50, 1)
BiTResNet50X3 = _application(50, 3)
BiTResNet101X1 = _application(101, 1)
BiTResNet101X3 = _application(101, 3)
BiTResNet152X2 = _application(152, 2)
BiTResNet152X4 = _application(152, 4, size=480)

__all__ = [
    "BiTResNet50X1",
    "BiTResNet50X3",
    "BiTResNet101X1",
    "BiTResNet101X3",
    "BiTResNet152X2",
    "BiTResNet152X4",
    "decode_predictions",
    "preprocess_input",
]
