"""FBNetV3: Joint Architecture-Recipe Search using Predictor Pretraining (Dai et al., 2021).

arXiv:2006.02049; in timm's reading of it.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, drop_path_rates, make_divisible
from kapps.layers.mobile import inverted_residual

B = (  # strides, whether blocks squeeze, then kernel_size, expand_ratio and filters of each
    (1, False, *[(3, 1, 16)] * 2),
    (2, False, (5, 4, 24), *[(5, 2, 24)] * 3),
    (2, True, (5, 5, 40), *[(5, 3, 40)] * 4),
    (2, False, (5, 5, 72), *[(3, 3, 72)] * 4),
    (1, True, (3, 5, 120), *[(5, 3, 120)] * 5),
    (2, True, (3, 6, 184), *[(5, 4, 184)] * 5, (5, 6, 224)),
)


def backbone(x, nn: Blocks, *, drop_path: float):
    rates = iter(drop_path_rates(drop_path, sum(len(blocks) for _, _, *blocks in B)))
    x = nn.conv_norm_act(x, 16, 3, strides=2, name="stem")
    for stage, (strides, squeeze, *blocks) in enumerate(B, 1):
        for index, (kernel_size, expand_ratio, filters) in enumerate(blocks, 1):
            channels = nn.channels(x)
            squeezed = make_divisible(channels / 4, round_limit=0.95)
            x = inverted_residual(
                x,
                nn,
                filters,
                kernel_size,
                strides if index == 1 else 1,
                channels * expand_ratio,
                se_filters=squeezed if squeeze else 0,
                se_gate="hard_sigmoid",
                drop_path=next(rates),
                name=f"stage{stage}_block{index}",
            )
    return nn.conv_norm_act(x, 1344, name="head")


def top(x, nn: Blocks):
    """As in MobileNetV3, the widest layer comes after the pooling."""
    x = nn.global_avg_pool(x, name="avg_pool")
    x = nn.dense(x, 1984, use_bias=False, name="head_dense")
    return nn.act(x, name="head_dense_act")


FBNetV3B = Application(
    "FBNetV3B",
    backbone,
    top=top,
    top_layers=("head_dense",),
    size=224,
    flavors={
        "torch": Flavor(
            "torch", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9, crop_pct=0.95
        )
    },
    activation="hard_swish",
    blocks={"kernel_initializer": "he_normal_fan_out"},
    stages={1: 1, 2: 2, 3: 3, 4: 5, 5: 6},
    references=(reference("timm/fbnetv3_b", "torch"),),
)

__all__ = ["FBNetV3B", "decode_predictions", "preprocess_input"]
