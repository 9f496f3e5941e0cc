"""ProxylessNAS as its authors name it, SPNASNet as timm does."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import MOBILE_BLOCKS

TIMM = Dialect("timm", "torch", rows=MOBILE_BLOCKS)

# The authors number blocks from 0 through all stages, with those that the search left out.
STAGES = (
    (r"(0)", "stage1_block{0:+1}_"),
    (r"([1-4])", "stage2_block{0}_"),
    (r"([5-8])", "stage3_block{0:-4}_"),
    (r"(9|1[0-2])", "stage4_block{0:-8}_"),
    (r"(1[3-6])", "stage5_block{0:-12}_"),
    (r"(1[7-9]|20)", "stage6_block{0:-16}_"),
    (r"(21)", "stage7_block{0:-20}_"),
)
PARTS = (
    ("inverted_bottleneck", "expand"),
    ("depth_conv", "depthwise"),
    ("point_linear", "project"),
)
LAYERS = (("conv", "conv"), ("bn", "norm"))

AUTHORS = Dialect(
    "mit-han-lab",
    "torch",
    rows=(
        (r"first_conv\.conv", "stem_conv"),
        (r"first_conv\.bn", "stem_norm"),
        *(
            (rf"blocks\.{number}\.mobile_inverted_conv\.{part}\.{layer}", f"{block}{ours}_{kind}")
            for number, block in STAGES
            for part, ours in PARTS
            for layer, kind in LAYERS
        ),
        (r"feature_mix_layer\.conv", "head_conv"),
        (r"feature_mix_layer\.bn", "head_norm"),
        (r"classifier\.linear", "predictions"),
    ),
)

DIALECTS = (TIMM, AUTHORS)
