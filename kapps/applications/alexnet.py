"""AlexNet: ImageNet Classification with Deep Convolutional Networks (Krizhevsky et al., 2012).

`AlexNet` is the network of the paper, whose halves on two GPUs meet in the third layer alone; with
one tower everywhere it is `AlexNetSingleTower`. `AlexNetOWT` is the smaller one without response
normalisation of "One weird trick for parallelizing convolutional neural networks" (Krizhevsky,
2014, arXiv:1404.5997), which torchvision calls alexnet.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications._graph import classifier
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, LocalResponseNormalization, adaptive_avg_pool

FILTERS = (96, 256, 384, 384, 256)
OWT_FILTERS = (64, 192, 384, 256, 256)
KERNELS = (11, 5, 3, 3, 3)
GROUPED = (2, 4, 5)  # the layers that see the maps of their own GPU only
POOLED = (1, 2, 5)


def backbone(
    x, nn: Blocks, *, filters: tuple[int, ...], groups: int, response_norm: bool, padding: int
):
    for stage, (count, kernel_size) in enumerate(zip(filters, KERNELS, strict=True), 1):
        name = f"stage{stage}"
        if stage == 1:
            x = nn.pad(x, padding, name) if padding else x
            x = nn.conv(x, count, kernel_size, strides=4, padding="valid", name=f"{name}_conv")
        else:
            towers = groups if stage in GROUPED else 1
            x = nn.conv(x, count, kernel_size, groups=towers, name=f"{name}_conv")
        x = nn.act(x, name=f"{name}_act")
        if response_norm and stage in (1, 2):
            x = LocalResponseNormalization(axis=nn.axis, name=f"{name}_norm")(x)
        if stage in POOLED:
            x = nn.max_pool(x, 3, strides=2, padding="valid", name=f"{name}_pool")
    return x


def top(x, nn: Blocks, *, dropout: float):
    x = nn.flatten(x, name="flatten")
    x = nn.act(nn.dense(x, 4096, name="fc1"), name="fc1_act")
    x = nn.dropout(x, dropout, name="fc1_dropout")
    return nn.act(nn.dense(x, 4096, name="fc2"), name="fc2_act")


def owt_top(x, nn: Blocks, *, dropout: float):
    """torchvision's, which takes images of any size and drops before each layer, not after."""
    x = nn.flatten(adaptive_avg_pool(x, nn, 6, name="adaptive_pool"), name="flatten")
    for layer in ("fc1", "fc2"):
        x = nn.dropout(x, dropout, name=f"{layer}_dropout")
        x = nn.act(nn.dense(x, 4096, name=layer), name=f"{layer}_act")
    return x


def owt_classifier(nn: Blocks, x, classes: int, activation: str | None, dropout: float):  # noqa: ARG001
    return classifier(nn, x, classes, activation, dropout=0.0)


def _application(name: str, groups: int) -> Application:
    return Application(
        name,
        backbone,
        top=top,
        top_layers=("fc1", "fc2"),
        size=227,  # the paper says 224, its sizes of maps ask for 227
        min_size=67,
        fixed_size=True,
        flavors={"keras": Flavor("caffe", dropout=0.5)},
        config={"filters": FILTERS, "groups": groups, "response_norm": True, "padding": 0},
        stages={3: 1, 4: 2, 5: 5},
    )


AlexNet = _application("AlexNet", groups=2)
AlexNetSingleTower = _application("AlexNetSingleTower", groups=1)
AlexNetOWT = Application(
    "AlexNetOWT",
    backbone,
    top=owt_top,
    top_layers=("fc1", "fc2"),
    classifier=owt_classifier,
    size=224,
    min_size=63,
    flavors={"torch": Flavor("torch", padding="symmetric", dropout=0.5)},
    config={"filters": OWT_FILTERS, "groups": 1, "response_norm": False, "padding": 2},
    stages={3: 1, 4: 2, 5: 5},
    references=(reference("torchvision/alexnet", "torch"),),
)

__all__ = [
    "AlexNet",
    "AlexNetOWT",
    "AlexNetSingleTower",
    "decode_predictions",
    "preprocess_input",
]
