"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation and with ReLU6, for phones.

Source: the EfficientNet-Lite models of the TPU repository (Liu, 2020), derived from EfficientNet
(Tan and Le, 2019, arXiv:1905.11946). The stem, the head and the depths of the first and last stage
do not scale.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.mobile import inverted_residual, scaled_network

STAGES = (  # block, expand_ratio, filters, blocks, strides, kernel_size: table 1 of EfficientNet
    (inverted_residual, 1, 16, 1, 1, 3),
    (inverted_residual, 6, 24, 2, 2, 3),
    (inverted_residual, 6, 40, 2, 2, 5),
    (inverted_residual, 6, 80, 3, 2, 3),
    (inverted_residual, 6, 112, 3, 1, 5),
    (inverted_residual, 6, 192, 4, 2, 5),
    (inverted_residual, 6, 320, 1, 1, 3),
)
VARIANTS = (  # alpha, depth multiplier, size, dropout, crop_pct, interpolation
    (1.0, 1.0, 224, 0.2, 0.875, "bicubic"),
    (1.0, 1.1, 240, 0.2, 0.882, "bicubic"),
    (1.1, 1.2, 260, 0.3, 0.89, "bicubic"),
    (1.2, 1.4, 300, 0.3, 0.904, "bilinear"),
    (1.4, 1.8, 380, 0.3, 0.92, "bilinear"),
)


def backbone(x, nn: Blocks, *, alpha: float, depth: float, drop_path: float):
    return scaled_network(
        x,
        nn,
        STAGES,
        stem_filters=32,
        alpha=alpha,
        depth=depth,
        drop_path=drop_path,
        fixed_ends=True,
    )


def _application(index, alpha, depth, size, dropout, crop_pct, interpolation):
    lite = Flavor(
        "lite",
        norm_epsilon=1e-3,
        norm_momentum=0.99,
        crop_pct=crop_pct,
        interpolation=interpolation,
    )
    torch = Flavor("torch", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9)
    return Application(
        f"EfficientNetLite{index}",
        backbone,
        size=size,
        flavors={"keras": lite, "torch": torch},
        activation="relu6",
        config={"alpha": alpha, "depth": depth},
        dropout=dropout,
        drop_path=0.2,
        stages={1: 1, 2: 2, 3: 3, 4: 5, 5: 7},
        references=(
            # timm writes this family's normalisation as 127.5 / 127.5, 0.4 % from the original.
            reference(
                f"timm/tf_efficientnet_lite{index}", "keras", include_preprocessing="tensorflow"
            ),
            reference(f"timm/efficientnet_lite{index}", "torch"),
        ),
    )


EfficientNetLite0 = _application(0, *VARIANTS[0])
EfficientNetLite1 = _application(1, *VARIANTS[1])
EfficientNetLite2 = _application(2, *VARIANTS[2])
EfficientNetLite3 = _application(3, *VARIANTS[3])
EfficientNetLite4 = _application(4, *VARIANTS[4])

__all__ = [
    "EfficientNetLite0",
    "EfficientNetLite1",
    "EfficientNetLite2",
    "EfficientNetLite3",
    "EfficientNetLite4",
    "decode_predictions",
    "preprocess_input",
]
