"""LeNet-5: Gradient-Based Learning Applied to Document Recognition (LeCun et al., 1998).

The form that everybody trains today: C3 is connected to all maps of S2, pooling has no weights,
the output is a softmax. That makes 61,706 parameters; the paper's own, with a partly connected C3,
learnt pooling and a fixed radial output, has 60,000.

LeNet-1 is the network of Handwritten Digit Recognition with a Back-Propagation Network (LeCun et
al., NIPS 1989) as that paper has it, with its partly connected H3 and a learnt coefficient and bias
for each map of H2 and H4: 2,578 parameters.
"""

from kapps.applications._application import Application, Flavor
from kapps.applications.imagenet_utils import preprocess_input
from kapps.layers import Blocks, ChannelSlice

FLAVORS = {"keras": Flavor("unit", padding="valid", crop_pct=1.0, interpolation="bilinear")}
CONNECTIONS = (  # first and last map of H2, and how many maps of H3 see them: figure 4 of 1989
    (1, 1, 1),
    (1, 2, 4),
    (2, 2, 1),
    (3, 3, 1),
    (3, 4, 4),
    (4, 4, 1),
)


def subsampling(x, nn: Blocks, *, name: str):
    """Averages of 2x2 units, with a coefficient and a bias for each map."""
    x = nn.avg_pool(x, 2, strides=2, name=f"{name}_pool")
    x = nn.depthwise_conv(x, 1, use_bias=True, name=f"{name}_scale_conv")
    return nn.act(x, name=f"{name}_scale_act")


def backbone_1989(x, nn: Blocks):
    x = nn.act(nn.conv(x, 4, 5, name="stage1_conv"), name="stage1_act")  # H1
    x = subsampling(x, nn, name="stage1")  # H2
    maps = []
    for block, (first, last, filters) in enumerate(CONNECTIONS, 1):  # H3
        name = f"stage2_block{block}"
        seen = ChannelSlice(first - 1, last, nn.data_format, name=f"{name}_maps")(x)
        maps.append(nn.conv(seen, filters, 5, name=f"{name}_conv"))
    x = nn.act(nn.concat(maps, name="stage2_concat"), name="stage2_act")
    return subsampling(x, nn, name="stage2")  # H4


def backbone(x, nn: Blocks):
    x = nn.act(nn.conv(x, 6, 5, name="stage1_conv"), name="stage1_act")  # C1
    x = nn.avg_pool(x, 2, strides=2, name="stage1_pool")  # S2
    x = nn.act(nn.conv(x, 16, 5, name="stage2_conv"), name="stage2_act")  # C3
    x = nn.avg_pool(x, 2, strides=2, name="stage2_pool")  # S4
    return nn.act(nn.conv(x, 120, 5, name="stage3_conv"), name="stage3_act")  # C5


def top(x, nn: Blocks):
    x = nn.flatten(x, name="flatten")
    return nn.act(nn.dense(x, 84, name="fc1"), name="fc1_act")  # F6


LeNet1 = Application(
    "LeNet1",
    backbone_1989,
    top=lambda x, nn: nn.flatten(x, name="flatten"),
    size=28,
    min_size=16,
    channels=1,
    classes=10,
    flavors=FLAVORS,
    activation="tanh",
    stages={1: 1, 2: 2},
)
LeNet5 = Application(
    "LeNet5",
    backbone,
    top=top,
    top_layers=("fc1",),
    size=32,
    min_size=32,
    channels=1,
    classes=10,
    flavors=FLAVORS,
    activation="tanh",
    stages={1: 1, 2: 2},
)

__all__ = ["LeNet1", "LeNet5", "preprocess_input"]
