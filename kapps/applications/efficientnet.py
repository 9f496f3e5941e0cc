"""EfficientNet: Rethinking Model Scaling for CNNs (Tan and Le, 2019, arXiv:1905.11946)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.mobile import scaled_network
from kapps.layers.mobile import squeezed_inverted_residual as mbconv

STAGES = (  # block, expand_ratio, filters, blocks, strides, kernel_size: table 1 of the paper
    (mbconv, 1, 16, 1, 1, 3),
    (mbconv, 6, 24, 2, 2, 3),
    (mbconv, 6, 40, 2, 2, 5),
    (mbconv, 6, 80, 3, 2, 3),
    (mbconv, 6, 112, 3, 1, 5),
    (mbconv, 6, 192, 4, 2, 5),
    (mbconv, 6, 320, 1, 1, 3),
)
VARIANTS = (  # alpha, depth, size, dropout, crop_pct: the reference implementation's
    (1.0, 1.0, 224, 0.2, 0.875),
    (1.0, 1.1, 240, 0.2, 0.882),
    (1.1, 1.2, 260, 0.3, 0.890),
    (1.2, 1.4, 300, 0.3, 0.904),
    (1.4, 1.8, 380, 0.4, 0.922),
    (1.6, 2.2, 456, 0.4, 0.934),
    (1.8, 2.6, 528, 0.5, 0.942),
    (2.0, 3.1, 600, 0.5, 0.949),
)


def backbone(x, nn: Blocks, *, alpha: float, depth: float, drop_path: float):
    return scaled_network(
        x, nn, STAGES, stem_filters=32, alpha=alpha, depth=depth, drop_path=drop_path
    )


def _application(index):
    alpha, depth, size, dropout, crop_pct = VARIANTS[index]
    evaluation = {"crop_pct": crop_pct, "interpolation": "bicubic"}
    torch = {"padding": "symmetric", "norm_epsilon": 1e-5, "norm_momentum": 0.9} | evaluation
    # torchvision keeps the original's normalisation in the largest alone: the weights came so.
    own = index >= 5
    torchvision = {"norm_epsilon": 1e-3, "norm_momentum": 0.99}
    return Application(
        f"EfficientNetB{index}",
        backbone,
        size=size,
        flavors={
            # Both are ImageNet's mean and deviation. Keras spreads them over two Rescaling layers
            # and a Normalization, which its files therefore contain.
            "keras": Flavor("torch", norm_epsilon=1e-3, norm_momentum=0.99, **evaluation),
            "torch": Flavor("torch", **torch),
            **({"torchvision": Flavor("torch", **torch | torchvision)} if own else {}),
        },
        activation="silu",
        blocks={"kernel_initializer": "he_normal_fan_out"},
        config={"alpha": alpha, "depth": depth},
        dropout=dropout,
        drop_path=0.2,
        stages={1: 1, 2: 2, 3: 3, 4: 5, 5: 7},
        references=(
            reference(f"keras/EfficientNetB{index}", "keras"),
            reference(f"timm/tf_efficientnet_b{index}", "keras"),
            reference(f"timm/efficientnet_b{index}", "torch"),
            reference(f"torchvision/efficientnet_b{index}", "torchvision" if own else "torch"),
        ),
    )


EfficientNetB0 = _application(0)
EfficientNetB1 = _application(1)
EfficientNetB2 = _application(2)
EfficientNetB3 = _application(3)
EfficientNetB4 = _application(4)
EfficientNetB5 = _application(5)
EfficientNetB6 = _application(6)
EfficientNetB7 = _application(7)

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]
