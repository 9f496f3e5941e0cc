"""Look into a model: its layers, what they cost and see, and what speaks for an answer."""

from kapps.inspect import targets
from kapps.inspect.attention import masks, on_patches, rollout
from kapps.inspect.attributions import gradient, integrated_gradients, occlusion, smooth_grad
from kapps.inspect.cams import grad_cam, grad_cam_plus_plus, score_cam
from kapps.inspect.deconvnet import Deconvnet, Top
from kapps.inspect.drawing import svg
from kapps.inspect.explaining import METHODS, Explanation, explain
from kapps.inspect.features import activation_maps, filters
from kapps.inspect.flow import Flow, gradient_flow
from kapps.inspect.folding import fold
from kapps.inspect.graph import Box, boxes
from kapps.inspect.layers import LayerRow, count_macs, layer_table
from kapps.inspect.localisation import box_around
from kapps.inspect.memory import Memory, inference_memory, training_memory
from kapps.inspect.receptive import Field, receptive_fields
from kapps.inspect.running import channels_first
from kapps.inspect.score import Score
from kapps.inspect.sizes import resized
from kapps.inspect.traits import traits

__all__ = [
    "METHODS",
    "Box",
    "Deconvnet",
    "Explanation",
    "Field",
    "Flow",
    "LayerRow",
    "Memory",
    "Score",
    "Top",
    "activation_maps",
    "box_around",
    "boxes",
    "channels_first",
    "count_macs",
    "explain",
    "filters",
    "fold",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient",
    "gradient_flow",
    "inference_memory",
    "integrated_gradients",
    "layer_table",
    "masks",
    "occlusion",
    "on_patches",
    "receptive_fields",
    "resized",
    "rollout",
    "score_cam",
    "smooth_grad",
    "svg",
    "targets",
    "training_memory",
    "traits",
]
