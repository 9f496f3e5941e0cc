"""DenseNet: Densely Connected Convolutional Networks (Huang et al., 2016, arXiv:1608.06993)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks

VARIANTS = {  # growth rate, filters of the stem, blocks of each stage: table 1 of the paper
    121: (32, 64, (6, 12, 24, 16)),
    161: (48, 96, (6, 12, 36, 24)),
    169: (32, 64, (6, 12, 32, 32)),
    201: (32, 64, (6, 12, 48, 32)),
}
KERAS = Flavor("torch", padding="symmetric", norm_epsilon=1.001e-5)
TORCH = Flavor("torch", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9)


def norm_act_conv(x, nn: Blocks, filters: int, kernel_size: int = 1, *, name: str):
    """The order of section 3, "composite function"."""
    x = nn.act(nn.norm(x, name=f"{name}_norm"), name=f"{name}_act")
    return nn.conv(x, filters, kernel_size, use_bias=False, name=f"{name}_conv")


def backbone(x, nn: Blocks, *, growth_rate: int, stem: int, depths: tuple[int, ...]):
    x = nn.conv_norm_act(x, stem, 7, strides=2, name="stem")
    x = nn.max_pool(x, 3, strides=2, name="stem_pool")
    for stage, blocks in enumerate(depths, 1):
        if stage > 1:  # a transition halves both the resolution and the channels
            name = f"stage{stage}_transition"
            x = norm_act_conv(x, nn, nn.channels(x) // 2, name=name)
            x = nn.avg_pool(x, 2, strides=2, name=f"{name}_pool")
        for block in range(1, blocks + 1):
            name = f"stage{stage}_block{block}"
            y = norm_act_conv(x, nn, 4 * growth_rate, name=f"{name}_1")
            y = norm_act_conv(y, nn, growth_rate, 3, name=f"{name}_2")
            x = nn.concat([x, y], name=f"{name}_concat")
    return nn.act(nn.norm(x, name="head_norm"), name="head_act")


def _application(depth: int, in_keras: bool = True) -> Application:
    growth_rate, stem, depths = VARIANTS[depth]
    name = f"DenseNet{depth}"
    torch = tuple(reference(f"{lib}/densenet{depth}", "torch") for lib in ("timm", "torchvision"))
    return Application(
        name,
        backbone,
        size=224,
        flavors={"keras": KERAS, "torch": TORCH} if in_keras else {"torch": TORCH},
        config={"growth_rate": growth_rate, "stem": stem, "depths": depths},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=((reference(f"keras/{name}", "keras"),) if in_keras else ()) + torch,
    )


DenseNet121 = _application(121)
DenseNet161 = _application(161, in_keras=False)
DenseNet169 = _application(169)
DenseNet201 = _application(201)

__all__ = [
    "DenseNet121",
    "DenseNet161",
    "DenseNet169",
    "DenseNet201",
    "decode_predictions",
    "preprocess_input",
]
