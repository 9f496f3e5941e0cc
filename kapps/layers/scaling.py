"""How numbers of a network follow from others: rounded channels, rates that rise with the depth."""


def make_divisible(
    value: float, divisor: int = 8, min_value: int | None = None, round_limit: float = 0.9
) -> int:
    """Round a number of channels to a multiple of `divisor`, never down to below `round_limit`.

    Source: the reference implementation of MobileNet; used by every mobile family since.
    """
    rounded = max(min_value or divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < round_limit * value else rounded


def drop_path_rates(rate: float, blocks: int, last: bool = False) -> list[float]:
    """`rate * index / blocks` for each block: the last one stays just below `rate`.

    With `last`, the last block has `rate` itself: ConvNeXt's and the transformers' rule.
    """
    steps = max(1, blocks - 1) if last else blocks
    return [rate * index / steps for index in range(blocks)]
