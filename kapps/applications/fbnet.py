"""FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search.

Wu et al., 2019, arXiv:1812.03443.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, searched_network

C = (  # filters, strides, then kernel_size and expand_ratio of each block: figure 4 of the paper
    (16, 1, (3, 1)),
    (24, 2, (3, 6), *[(3, 1)] * 2),
    (32, 2, (5, 6), (5, 3), (5, 6), (3, 6)),
    (64, 2, (5, 6), (5, 3), *[(5, 6)] * 2),
    (112, 1, *[(5, 6)] * 3, (5, 3)),
    (184, 2, *[(5, 6)] * 4),
    (352, 1, (3, 6)),
)


def backbone(x, nn: Blocks, *, drop_path: float):
    # Even where the ratio is one, a block begins with the product of its expansion.
    return searched_network(
        x, nn, C, stem_filters=16, head_filters=1984, always_expand=True, drop_path=drop_path
    )


FBNetC = Application(
    "FBNetC",
    backbone,
    size=224,
    flavors={"torch": Flavor("torch", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9)},
    blocks={"kernel_initializer": "he_normal_fan_out"},
    stages={1: 1, 2: 2, 3: 3, 4: 5, 5: 7},
    references=(reference("timm/fbnetc_100", "torch"),),
)

__all__ = ["FBNetC", "decode_predictions", "preprocess_input"]
