"""ResNetV2 as Keras and timm name it."""

import re

import numpy as np

from kapps.weights.dialects._dialect import Dialect

PLACE = re.compile(r"conv(\d)_block(\d+)_")


def by_rank(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`conv3_block1_` as `block3_`, counted from zero through the network.

    Keras's stages end with the block that strides; ours begin with it, so the numbers differ.
    """
    places = {tuple(map(int, match.groups())) for name in arrays if (match := PLACE.match(name))}
    ranks = {f"conv{stage}_block{b}_": f"block{i}_" for i, (stage, b) in enumerate(sorted(places))}
    return {PLACE.sub(lambda match: ranks[match[0]], name): array for name, array in arrays.items()}


KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"conv1_conv", "stem_conv"),
        (r"(?:conv\d_)?block(\d+)_preact_bn", "{0:block}_preact_norm"),
        (r"(?:conv\d_)?block(\d+)_0_conv", "{0:block}_shortcut_conv"),
        (r"(?:conv\d_)?block(\d+)_(\d)_conv", "{0:block}_{1}_conv"),
        (r"(?:conv\d_)?block(\d+)_(\d)_bn", "{0:block}_{1}_norm"),
        (r"post_bn", "head_norm"),
        (r"predictions|probs", "predictions"),  # the published files are older than the name
    ),
    prepare=by_rank,
)

BLOCK = r"stages\.(\d)\.blocks\.(\d+)\."
TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"stem\.conv", "stem_conv"),
        (rf"{BLOCK}downsample\.conv", "stage{0:+1}_block{1:+1}_shortcut_conv"),
        (rf"{BLOCK}norm1", "stage{0:+1}_block{1:+1}_preact_norm"),
        (rf"{BLOCK}norm(\d)", "stage{0:+1}_block{1:+1}_{2:-1}_norm"),
        (rf"{BLOCK}conv(\d)", "stage{0:+1}_block{1:+1}_{2}_conv"),
        (r"norm", "head_norm"),
        (r"head\.fc", "predictions"),
    ),
)

DIALECTS = (KERAS, TIMM)
