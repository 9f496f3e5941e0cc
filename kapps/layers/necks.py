"""Necks: maps of a backbone become maps that know of one another.

`maps` and what comes back are dictionaries, pyramid level -> tensor: level n has stride 2**n. The
layers of a level carry its number: `fpn_lateral3_conv`.
"""

from keras import layers

from kapps.layers.blocks import Blocks
from kapps.layers.pooling import symmetric_max_pool
from kapps.layers.resizing import NearestResize


def upsample_to(x, like, nn: Blocks, *, name: str):
    """The layer `name`: `x` at the height and width of `like`, by repeating pixels."""
    return NearestResize(nn.data_format, name=name)([x, like])


def feature_pyramid(
    maps: dict, nn: Blocks, filters: int = 256, *, normed: bool = False, name: str = "fpn"
) -> dict:
    """From the coarsest map down, each is added to the next finer one.

    Source: Feature Pyramid Networks (Lin et al., 2017, arXiv:1612.03144), section 3: a 1x1
    convolution on the way in, a 3x3 one on the way out, none with an activation. As torchvision's
    `FeaturePyramidNetwork`.

    Args:
        maps: of the backbone.
        nn: the conventions.
        filters: channels of all maps.
        normed: whether convolutions are normalised, and then without a bias.
        name: before the names of the layers.
    """
    found, above = {}, None
    for level in sorted(maps, reverse=True):
        x = _conv(maps[level], nn, filters, 1, normed, name=f"{name}_lateral{level}")
        if above is not None:
            above = upsample_to(above, x, nn, name=f"{name}_upsample{level}")
            x = layers.Add(name=f"{name}_add{level}")([x, above])
        above = x
        found[level] = _conv(x, nn, filters, 3, normed, name=f"{name}_output{level}")
    return {level: found[level] for level in sorted(found)}


def add_pooled_level(maps: dict, nn: Blocks, *, name: str = "fpn") -> dict:
    """One more level, every other pixel of the coarsest.

    Source: Feature Pyramid Networks, section 4.1, note 2; torchvision's `LastLevelMaxPool`.
    """
    last = max(maps)
    pooled = nn.max_pool(maps[last], 1, 2, "valid", name=f"{name}_pool{last + 1}")
    return {**maps, last + 1: pooled}


def add_strided_levels(
    maps: dict, nn: Blocks, filters: int = 256, *, source=None, name: str = "fpn"
) -> dict:
    """Two more levels, each by a strided 3x3 convolution, with a ReLU before the second.

    Source: Focal Loss (Lin et al., 2017, arXiv:1708.02002), section 4; torchvision's
    `LastLevelP6P7`.

    Args:
        maps: of the pyramid. filters: channels of the new ones.
        source: the map that the first is made from, in the paper the backbone's last; None for the
            last of the pyramid.
        nn, name: as of `feature_pyramid`.
    """
    last = max(maps)
    x = maps[last] if source is None else source
    first = nn.conv(x, filters, 3, 2, name=f"{name}_output{last + 1}_conv")
    second = nn.act(first, "relu", name=f"{name}_output{last + 1}_act")
    second = nn.conv(second, filters, 3, 2, name=f"{name}_output{last + 2}_conv")
    return {**maps, last + 1: first, last + 2: second}


def path_aggregation(maps: dict, nn: Blocks, filters: int = 256, *, name: str = "pan") -> dict:
    """From the finest map of a pyramid up, each is halved and added to the next coarser one.

    Source: Path Aggregation Network (Liu et al., 2018, arXiv:1803.01534), section 3.1: 3x3
    convolutions, each followed by a ReLU.
    """
    levels = sorted(maps)
    found = {levels[0]: maps[levels[0]]}
    for below, level in zip(levels[:-1], levels[1:], strict=True):
        x = nn.conv(found[below], filters, 3, 2, name=f"{name}_down{level}_conv")
        x = nn.act(x, "relu", name=f"{name}_down{level}_act")
        x = layers.Add(name=f"{name}_add{level}")([x, maps[level]])
        x = nn.conv(x, filters, 3, name=f"{name}_output{level}_conv")
        found[level] = nn.act(x, "relu", name=f"{name}_output{level}_act")
    return found


def path_concatenation(
    maps: dict, nn: Blocks, block, *, reduced: bool = False, name: str = "pan"
) -> dict:
    """Down and up a pyramid, where maps are put side by side and mixed by a block: YOLOv4 to v8.

    Sources: YOLOv4 (Bochkovskiy et al., 2020, arXiv:2004.10934), figure 6; the models of YOLOv5
    and YOLOX (`reduced`), and of YOLOv8 (not).

    Args:
        maps: of the backbone; each keeps its number of channels.
        block: a function of (x, filters, name=...), such as `csp.c2f` with its settings.
        reduced: whether a map has as many channels as the finer one before it goes down, by a 1x1
            convolution whose output is what meets it on the way up.
        nn, name: as of `feature_pyramid`.
    """
    filters = {level: nn.channels(x) for level, x in maps.items()}
    met = concatenated_down(maps, nn, block, reduced=reduced, name=name)
    return concatenated_up(met, filters, nn, block, name=name)


def concatenated_down(
    maps: dict, nn: Blocks, block, *, reduced: bool = False, name: str = "pan"
) -> dict:
    """The first half of `path_concatenation`: what each level gives to the way up."""
    levels = sorted(maps)
    x, met = maps[levels[-1]], {}
    for level, above in zip(levels[-2::-1], levels[:0:-1], strict=True):
        filters = nn.channels(maps[level])
        if reduced:
            x = nn.conv_norm_act(x, filters, name=f"{name}_reduce{above}")
        met[above] = x
        x = upsample_to(x, maps[level], nn, name=f"{name}_upsample{level}")
        x = nn.concat([x, maps[level]], name=f"{name}_concat{level}")
        x = block(x, filters, name=f"{name}_top_down{level}")
    return {**met, levels[0]: x}


def concatenated_up(met: dict, filters: dict, nn: Blocks, block, *, name: str = "pan") -> dict:
    """The second half of `path_concatenation`.

    Args:
        met: of `concatenated_down`. filters: level -> channels of the map that there will be.
    """
    levels = sorted(met)
    x = met[levels[0]]
    found = {levels[0]: x}
    for below, level in zip(levels[:-1], levels[1:], strict=True):
        x = nn.conv_norm_act(x, filters[below], 3, 2, name=f"{name}_down{level}")
        x = nn.concat([x, met[level]], name=f"{name}_concat_up{level}")
        x = found[level] = block(x, filters[level], name=f"{name}_bottom_up{level}")
    return found


def add_downsampled_levels(
    maps: dict, nn: Blocks, filters: int, until: int, *, name: str = "bifpn"
) -> dict:
    """More levels up to `until`, each the maximum over 3x3 of the one below it.

    Source: EfficientDet (Tan et al., 2020, arXiv:1911.09070), section 4, as its code has it: the
    first of them has `filters` channels by a 1x1 convolution and a normalisation.
    """
    maps = dict(maps)
    for level in range(max(maps) + 1, until + 1):
        x = maps[level - 1]
        if nn.channels(x) != filters:
            x = fitting(x, nn, filters, name=f"{name}_resample{level}")
        maps[level] = halved(x, nn, name=f"{name}_pool{level}")
    return maps


def fitting(x, nn: Blocks, filters: int, *, name: str):
    """`filters` channels by a 1x1 convolution, whose bias is needless but published, and a norm."""
    return nn.norm(nn.conv(x, filters, name=f"{name}_conv"), name=f"{name}_norm")


def halved(x, nn: Blocks, *, name: str):
    """The maximum over 3x3 around every other pixel; padding never wins."""
    if nn.padding == "symmetric":
        return symmetric_max_pool(x, nn, 3, 2, name=name)
    return nn.max_pool(x, 3, 2, "same", name=name)


def _conv(x, nn: Blocks, filters, kernel_size, normed, *, name):
    x = nn.conv(x, filters, kernel_size, use_bias=not normed, name=f"{name}_conv")
    return nn.norm(x, name=f"{name}_norm") if normed else x
