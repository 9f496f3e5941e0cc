"""Blocks that families share, and the few real Keras layers of the package."""

from kapps.layers.adaptive_pooling import AdaptiveAveragePooling2D, adaptive_avg_pool
from kapps.layers.assignment import OptimalAssignment
from kapps.layers.atrous import atrous_pyramid
from kapps.layers.attention import Attention, attention_maps
from kapps.layers.attention_pooling import AttentionPooling, LatentQuery, attention_pool
from kapps.layers.bifpn import WeightedSum, bifpn
from kapps.layers.blocks import Blocks
from kapps.layers.blur_pool import BlurPool2D
from kapps.layers.branches import branched_conv
from kapps.layers.cells import CCells, SCells
from kapps.layers.channel_attention import (
    efficient_channel_attention,
    selective_kernel,
    split_attention,
)
from kapps.layers.channel_padding import ChannelPadding
from kapps.layers.channels import ChannelShuffle, ChannelSlice
from kapps.layers.class_map import class_map
from kapps.layers.convolution import Conv2D, DepthwiseConv2D, StandardizedConv2D
from kapps.layers.cosine_attention import CosineAttention
from kapps.layers.cross_attention import CrossAttention, Queries
from kapps.layers.csp import c2f, c3, dark_bottleneck, scaled, spp, spp_csp, sppf
from kapps.layers.decoding import ClassScores, DecodeBoxes, Distances
from kapps.layers.decomposed_position import DecomposedAttention
from kapps.layers.deformable_attention import DeformableAttention, deformable_attention
from kapps.layers.detection import detector_outputs, joint_outputs, set_outputs, shared
from kapps.layers.dilation import dilate
from kapps.layers.drop_connect import DropConnect, drop_connections
from kapps.layers.global_response import GlobalResponseNormalization
from kapps.layers.initializers import initializer
from kapps.layers.layer_scale import LayerScale
from kapps.layers.linear_attention import LinearAttention
from kapps.layers.local_response import LocalResponseNormalization
from kapps.layers.multi_query import MultiQueryAttention, multi_query_attention
from kapps.layers.necks import (
    add_downsampled_levels,
    add_pooled_level,
    add_strided_levels,
    concatenated_down,
    concatenated_up,
    feature_pyramid,
    path_aggregation,
    path_concatenation,
    upsample_to,
)
from kapps.layers.network import Network
from kapps.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    group_norm,
    instance_norm,
)
from kapps.layers.patches import MapToPatches, PatchesToMap
from kapps.layers.phrases import PhraseLogits, PhraseVocabulary, TokenLogits
from kapps.layers.pooling import ceil_max_pool
from kapps.layers.preprocessing import PREPROCESSING, Normalize, Preprocessing, normalize, spec_of
from kapps.layers.prompts import (
    FourierPlaces,
    GridPlaces,
    MaskOrNone,
    MaskProducts,
    PixelShares,
    PromptTokens,
    TokenRows,
)
from kapps.layers.query_selection import (
    AroundPlaces,
    ClearEdges,
    Detach,
    RefineBoxes,
    SurestPlaces,
    TakePlaces,
)
from kapps.layers.random_pooling import MixedPooling2D, StochasticPooling2D
from kapps.layers.region_search import SearchRegions
from kapps.layers.regions import RoIAlign, RoIPool
from kapps.layers.relative_position import RelativePositionAttention
from kapps.layers.reparameterization import reparameterize
from kapps.layers.resizing import BilinearResize, BilinearResizeTo, NearestResize, ResizeToMultiple
from kapps.layers.rotary import RotaryAttention
from kapps.layers.scaling import drop_path_rates, make_divisible
from kapps.layers.searched import searched_network
from kapps.layers.separable import separable_norm_act
from kapps.layers.sine_positions import CoordinateSines, MapPlaces, SinePositions
from kapps.layers.suppression import NonMaxSuppression
from kapps.layers.text_guides import MaxSigmoidGate, MaxTokens, NameLogits
from kapps.layers.token_windows import MergePatches
from kapps.layers.tokens import TokensToMap
from kapps.layers.transposed import conv_transpose, conv_transpose_norm_act
from kapps.layers.two_stage import (
    ApartRegions,
    ClassMasks,
    DetectedBoxes,
    DetectRegions,
    ProposeRegions,
    TogetherRegions,
    aligned,
    region_detections,
    region_proposals,
)
from kapps.layers.units import Units
from kapps.layers.unpooling import MaxPoolingWithSwitches2D, MaxUnpooling2D
from kapps.layers.vocabulary import VOCABULARY, Vocabulary, vocabulary_of

__all__ = [
    "PREPROCESSING",
    "VOCABULARY",
    "AdaptiveAveragePooling2D",
    "ApartRegions",
    "AroundPlaces",
    "Attention",
    "AttentionPooling",
    "BatchNormalization",
    "BilinearResize",
    "BilinearResizeTo",
    "Blocks",
    "BlurPool2D",
    "CCells",
    "ChannelPadding",
    "ChannelShuffle",
    "ChannelSlice",
    "ClassMasks",
    "ClassScores",
    "ClearEdges",
    "Conv2D",
    "CoordinateSines",
    "CosineAttention",
    "CrossAttention",
    "DecodeBoxes",
    "DecomposedAttention",
    "DeformableAttention",
    "DepthwiseConv2D",
    "Detach",
    "DetectRegions",
    "DetectedBoxes",
    "Distances",
    "DropConnect",
    "FourierPlaces",
    "GlobalResponseNormalization",
    "GridPlaces",
    "GroupNormalization",
    "LatentQuery",
    "LayerNormalization",
    "LayerScale",
    "LinearAttention",
    "LocalResponseNormalization",
    "MapPlaces",
    "MapToPatches",
    "MaskOrNone",
    "MaskProducts",
    "MaxSigmoidGate",
    "MaxTokens",
    "MaxPoolingWithSwitches2D",
    "MaxUnpooling2D",
    "MergePatches",
    "MixedPooling2D",
    "MultiQueryAttention",
    "NameLogits",
    "NearestResize",
    "Network",
    "NonMaxSuppression",
    "Normalize",
    "OptimalAssignment",
    "PatchesToMap",
    "PhraseLogits",
    "PhraseVocabulary",
    "PixelShares",
    "Preprocessing",
    "PromptTokens",
    "ProposeRegions",
    "Queries",
    "RefineBoxes",
    "RelativePositionAttention",
    "ResizeToMultiple",
    "RoIAlign",
    "RoIPool",
    "SearchRegions",
    "RotaryAttention",
    "SCells",
    "SinePositions",
    "StandardizedConv2D",
    "StochasticPooling2D",
    "SurestPlaces",
    "TakePlaces",
    "TogetherRegions",
    "TokenLogits",
    "TokenRows",
    "TokensToMap",
    "Units",
    "Vocabulary",
    "WeightedSum",
    "adaptive_avg_pool",
    "aligned",
    "add_downsampled_levels",
    "add_pooled_level",
    "add_strided_levels",
    "atrous_pyramid",
    "attention_maps",
    "attention_pool",
    "bifpn",
    "branched_conv",
    "c2f",
    "c3",
    "ceil_max_pool",
    "class_map",
    "concatenated_down",
    "concatenated_up",
    "conv_transpose",
    "conv_transpose_norm_act",
    "dark_bottleneck",
    "deformable_attention",
    "detector_outputs",
    "dilate",
    "drop_connections",
    "drop_path_rates",
    "efficient_channel_attention",
    "feature_pyramid",
    "group_norm",
    "initializer",
    "instance_norm",
    "joint_outputs",
    "make_divisible",
    "multi_query_attention",
    "normalize",
    "path_aggregation",
    "path_concatenation",
    "region_detections",
    "region_proposals",
    "reparameterize",
    "scaled",
    "searched_network",
    "selective_kernel",
    "separable_norm_act",
    "set_outputs",
    "shared",
    "spec_of",
    "split_attention",
    "spp",
    "spp_csp",
    "sppf",
    "upsample_to",
    "vocabulary_of",
]
