"""DarkNet53 and CSPDarkNet53 as timm names them; all as files of Darknet have them."""

import numpy as np

from kapps.weights.dialects._darknet import CSP, SWAPPED, Darknet
from kapps.weights.dialects._dialect import Dialect


def both_ways(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The two convolutions that timm computes as one, `conv_exp`, and then splits by channel."""
    result = {}
    for name, array in arrays.items():
        stage, found, leaf = name.partition(".conv_exp.")
        if found and array.ndim:
            around, through = np.split(array, 2)
            result |= {f"{stage}.around.{leaf}": around, f"{stage}.through.{leaf}": through}
        else:
            result[name] = array
    return result


TIMM = Dialect(
    "timm",
    "torch",
    rows=tuple(
        (module + ending, layer + suffix)
        for module, layer in (
            (r"stem\.conv1", "stem"),
            (r"stages\.(\d)\.conv_down", "stage{0:+1}_downsample"),
            (r"stages\.(\d)\.blocks\.(\d)\.conv(\d)", "stage{0:+1}_block{1:+1}_{2}"),
            (r"stages\.(\d)\.(around|through|conv_exp)", "stage{0:+1}_{1}"),
            (r"stages\.(\d)\.conv_transition_b", "stage{0:+1}_transition"),
            (r"stages\.(\d)\.conv_transition", "stage{0:+1}_merge"),
        )
        for ending, suffix in ((r"\.conv", "_conv"), (r"\.bn", "_norm"))
    )
    + ((r"head\.fc", "predictions"),),
    prepare=both_ways,
)
DARKNET = Darknet(order=(*CSP, "predictions"), swapped=SWAPPED)

DIALECTS = (TIMM, DARKNET)
