"""What architecture searches found: chains of inverted residuals, each with numbers of its own."""

from kapps.layers.blocks import Blocks
from kapps.layers.mobile import inverted_residual
from kapps.layers.scaling import drop_path_rates, make_divisible


def searched_network(
    x,
    nn: Blocks,
    stages,
    *,
    stem_filters: int,
    head_filters: int,
    alpha: float = 1.0,
    always_expand: bool = False,
    drop_path: float = 0.0,
):
    """A stem, stages of inverted residuals and a head.

    Source: MnasNet (Tan et al., 2019), figure 7, whose search space the later ones took over. A
    stage is a row of filters, strides and blocks; a block is kernel_size and expand_ratio, where it
    squeezes also the share of its input that it squeezes to, or None where the search left it out.
    `alpha` scales all widths but the head's; `always_expand` as of `inverted_residual`.
    """
    rates = iter(drop_path_rates(drop_path, sum(len(blocks) for _, _, *blocks in stages)))
    x = nn.conv_norm_act(x, make_divisible(stem_filters * alpha), 3, strides=2, name="stem")
    for stage, (filters, strides, *blocks) in enumerate(stages, 1):
        for index, block in enumerate(blocks, 1):
            rate = next(rates)
            if block is None:
                continue
            kernel_size, expand_ratio, *squeeze = block
            channels = nn.channels(x)
            x = inverted_residual(
                x,
                nn,
                make_divisible(filters * alpha),
                kernel_size,
                strides if index == 1 else 1,
                channels * expand_ratio,
                se_filters=int(channels * squeeze[0]) if squeeze else 0,
                always_expand=always_expand,
                drop_path=rate,
                name=f"stage{stage}_block{index}",
            )
    return nn.conv_norm_act(x, head_filters, name="head")
