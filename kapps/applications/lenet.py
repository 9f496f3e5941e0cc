"""LeNet-5: Gradient-Based Learning Applied to Document Recognition (LeCun et al., 1998).

The form that everybody trains today: C3 is connected to all maps of S2, pooling has no weights,
the output is a softmax. That makes 61,706 parameters; the paper's own, with a partly connected C3,
learnt pooling and a fixed radial output, has 60,000.
"""

from kapps.applications._application import Application, Flavor
from kapps.applications.imagenet_utils import preprocess_input
from kapps.layers import Blocks


def backbone(x, nn: Blocks):
    x = nn.act(nn.conv(x, 6, 5, name="stage1_conv"), name="stage1_act")  # C1
    x = nn.avg_pool(x, 2, strides=2, name="stage1_pool")  # S2
    x = nn.act(nn.conv(x, 16, 5, name="stage2_conv"), name="stage2_act")  # C3
    x = nn.avg_pool(x, 2, strides=2, name="stage2_pool")  # S4
    return nn.act(nn.conv(x, 120, 5, name="stage3_conv"), name="stage3_act")  # C5


def top(x, nn: Blocks):
    x = nn.flatten(x, name="flatten")
    return nn.act(nn.dense(x, 84, name="fc1"), name="fc1_act")  # F6


LeNet5 = Application(
    "LeNet5",
    backbone,
    top=top,
    top_layers=("fc1",),
    size=32,
    min_size=32,
    channels=1,
    classes=10,
    flavors={"keras": Flavor("unit", padding="valid", crop_pct=1.0, interpolation="bilinear")},
    activation="tanh",
    stages={1: 1, 2: 2},
)

__all__ = ["LeNet5", "preprocess_input"]
