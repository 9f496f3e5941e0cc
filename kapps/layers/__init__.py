"""Blocks that families share, and the few real Keras layers of the package."""

from kapps.layers.blocks import Blocks, drop_path_rates, make_divisible
from kapps.layers.convolution import Conv2D, DepthwiseConv2D
from kapps.layers.global_response import GlobalResponseNormalization
from kapps.layers.initializers import initializer
from kapps.layers.layer_scale import LayerScale
from kapps.layers.network import Network
from kapps.layers.normalization import BatchNormalization
from kapps.layers.preprocessing import PREPROCESSING, Normalize, Preprocessing, normalize, spec_of

__all__ = [
    "PREPROCESSING",
    "BatchNormalization",
    "Blocks",
    "Conv2D",
    "DepthwiseConv2D",
    "GlobalResponseNormalization",
    "LayerScale",
    "Network",
    "Normalize",
    "Preprocessing",
    "drop_path_rates",
    "initializer",
    "make_divisible",
    "normalize",
    "spec_of",
]
