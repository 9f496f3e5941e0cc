"""Blocks that families share, and the few real Keras layers of the package."""

from kapps.layers.adaptive_pooling import AdaptiveAveragePooling2D, adaptive_avg_pool
from kapps.layers.blocks import Blocks, drop_path_rates, make_divisible
from kapps.layers.cells import CCells, SCells
from kapps.layers.channels import ChannelShuffle, ChannelSlice
from kapps.layers.convolution import Conv2D, DepthwiseConv2D
from kapps.layers.initializers import initializer
from kapps.layers.layer_scale import LayerScale
from kapps.layers.local_response import LocalResponseNormalization
from kapps.layers.network import Network
from kapps.layers.normalization import BatchNormalization, group_norm, instance_norm
from kapps.layers.pooling import ceil_max_pool
from kapps.layers.preprocessing import PREPROCESSING, Normalize, Preprocessing, normalize, spec_of
from kapps.layers.random_pooling import MixedPooling2D, StochasticPooling2D
from kapps.layers.transposed import conv_transpose, conv_transpose_norm_act
from kapps.layers.unpooling import MaxPoolingWithSwitches2D, MaxUnpooling2D

__all__ = [
    "PREPROCESSING",
    "AdaptiveAveragePooling2D",
    "BatchNormalization",
    "Blocks",
    "CCells",
    "ChannelShuffle",
    "ChannelSlice",
    "Conv2D",
    "DepthwiseConv2D",
    "LayerScale",
    "LocalResponseNormalization",
    "MaxPoolingWithSwitches2D",
    "MaxUnpooling2D",
    "MixedPooling2D",
    "Network",
    "Normalize",
    "Preprocessing",
    "SCells",
    "StochasticPooling2D",
    "adaptive_avg_pool",
    "ceil_max_pool",
    "conv_transpose",
    "conv_transpose_norm_act",
    "drop_path_rates",
    "group_norm",
    "initializer",
    "instance_norm",
    "make_divisible",
    "normalize",
    "spec_of",
]
