"""Faster R-CNN as torchvision names it."""

from dataclasses import replace

import numpy as np

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._torchvision import pyramid
from kapps.weights.dialects.retinanet import FROZEN as _FROZEN

CELLS = 7  # rows and columns of a region


def channels_last(array: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:  # noqa: ARG001
    """The first layer after the flattening, from channel, row, column to row, column, channel."""
    filters = array.shape[0]
    return array.reshape(filters, -1, CELLS, CELLS).transpose(2, 3, 1, 0).reshape(-1, filters)


HEADS = (
    (r"rpn\.head\.conv\.(\d)\.0", "head_region_conv{0:+1}"),
    (r"rpn\.head\.conv", "head_region_conv1"),  # files of 2022 and before
    (r"rpn\.head\.cls_logits", "head_region_objectness"),
    (r"rpn\.head\.bbox_pred", "head_region_regression"),
    (r"roi_heads\.box_head\.fc6\.weight", "head_box_fc1/kernel", channels_last),
    (r"roi_heads\.box_head\.fc(\d)", "head_box_fc{0:-5}"),
    # Four convolutions and the flattening are five.
    (r"roi_heads\.box_head\.5\.weight", "head_box_fc1/kernel", channels_last),
    (r"roi_heads\.box_head\.5", "head_box_fc1"),
    (r"roi_heads\.box_head\.(\d)\.0", "head_box_block{0:+1}_conv"),
    (r"roi_heads\.box_head\.(\d)\.1", "head_box_block{0:+1}_norm"),
    (r"roi_heads\.box_predictor\.cls_score", "head_class_predictions"),
    (r"roi_heads\.box_predictor\.bbox_pred", "head_box_predictions"),
)

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    body="torchvision",
    renames=((r"backbone\.body\.", ""),),
    rows=(*pyramid(2), *HEADS),
)
FROZEN = replace(TORCHVISION, name=_FROZEN.name, prepare=_FROZEN.prepare)
MOBILE = Dialect(
    "torchvision, MobileNet",
    "torch",
    body="torchvision",
    renames=((r"backbone\.body\.", "features."),),
    rows=(*pyramid(4), *HEADS),
)

DIALECTS = (TORCHVISION, FROZEN, MOBILE)
