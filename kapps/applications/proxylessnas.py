"""ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware.

Cai et al., 2019, arXiv:1812.00332; SPNASNet: Single-Path NAS: Designing Hardware-Efficient ConvNets
in Less Than 4 Hours (Stamoulis et al., 2019, arXiv:1904.02877), from the same space of networks.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, searched_network

# filters, strides, then kernel_size and expand_ratio of each block; figure 4 of the paper, in the
# numbers of the authors' configurations. None: the search left the block out.
CPU = (
    (24, 1, (3, 1)),
    (32, 2, (3, 6), *[(3, 3)] * 3),
    (48, 2, (3, 6), *[(3, 3)] * 2, (5, 3)),
    (88, 2, (3, 6), None, None, (3, 3)),
    (104, 1, (5, 6), *[(3, 3)] * 3),
    (216, 2, (5, 6), *[(5, 3)] * 2, (3, 3)),
    (360, 1, (5, 6)),
)
GPU = (
    (24, 1, (3, 1)),
    (32, 2, (5, 3), None, None, None),
    (56, 2, (7, 3), None, None, (3, 3)),
    (112, 2, (7, 6), None, None, (5, 3)),
    (128, 1, (5, 6), None, (3, 3), (5, 3)),
    (256, 2, *[(7, 6)] * 3, (5, 6)),
    (432, 1, (7, 6)),
)
MOBILE = (
    (16, 1, (3, 1)),
    (32, 2, (5, 3), (3, 3), None, None),
    (40, 2, (7, 3), (3, 3), *[(5, 3)] * 2),
    (80, 2, (7, 6), *[(5, 3)] * 3),
    (96, 1, (5, 6), *[(5, 3)] * 3),
    (192, 2, *[(7, 6)] * 2, *[(7, 3)] * 2),
    (320, 1, (7, 6)),
)
SINGLE_PATH = (  # figure 4 of the second paper
    (16, 1, (3, 1)),
    (24, 2, *[(3, 3)] * 3),
    (40, 2, (5, 6), *[(3, 3)] * 3),
    (80, 2, (5, 6), *[(3, 3)] * 3),
    (96, 1, (5, 6), *[(5, 3)] * 3),
    (192, 2, *[(5, 6)] * 4),
    (320, 1, (3, 6)),
)


def backbone(x, nn: Blocks, *, stages, stem_filters: int, head_filters: int, drop_path: float):
    return searched_network(
        x, nn, stages, stem_filters=stem_filters, head_filters=head_filters, drop_path=drop_path
    )


def _application(
    name, stages, stem_filters, head_filters, *references, activation="relu6", norm_epsilon=1e-3
):
    return Application(
        name,
        backbone,
        size=224,
        flavors={
            "torch": Flavor(
                "torch", padding="symmetric", norm_epsilon=norm_epsilon, norm_momentum=0.9
            )
        },
        activation=activation,
        blocks={"kernel_initializer": "he_normal_fan_out"},
        config={"stages": stages, "stem_filters": stem_filters, "head_filters": head_filters},
        stages={1: 1, 2: 2, 3: 3, 4: 5, 5: 7},
        references=tuple(reference(name, "torch") for name in references),
    )


ProxylessNASCPU = _application("ProxylessNASCPU", CPU, 40, 1432, "mit-han-lab/proxyless_cpu")
ProxylessNASGPU = _application("ProxylessNASGPU", GPU, 40, 1728, "mit-han-lab/proxyless_gpu")
ProxylessNASMobile = _application(
    "ProxylessNASMobile", MOBILE, 32, 1280, "mit-han-lab/proxyless_mobile"
)
SPNASNet = _application(
    "SPNASNet",
    SINGLE_PATH,
    32,
    1280,
    "timm/spnasnet_100",
    activation="relu",
    norm_epsilon=1e-5,
)

__all__ = [
    "ProxylessNASCPU",
    "ProxylessNASGPU",
    "ProxylessNASMobile",
    "SPNASNet",
    "decode_predictions",
    "preprocess_input",
]
