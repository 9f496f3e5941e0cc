"""Mask R-CNN and Keypoint R-CNN as torchvision names them."""

from dataclasses import replace

from kapps.weights.dialects import faster_rcnn

ROWS = (
    (r"roi_heads\.mask_head\.(\d)\.0", "head_mask_block{0:+1}_conv"),
    (r"roi_heads\.mask_head\.(\d)\.1", "head_mask_block{0:+1}_norm"),
    (r"roi_heads\.mask_head\.mask_fcn(\d)", "head_mask_block{0}_conv"),  # of 2022 and before
    (r"roi_heads\.mask_predictor\.conv5_mask", "head_mask_upsample"),
    (r"roi_heads\.mask_predictor\.mask_fcn_logits", "head_mask_predictions"),
    *(  # convolutions and activations take turns
        (rf"roi_heads\.keypoint_head\.{2 * i}", f"head_joint_block{i + 1}_conv") for i in range(8)
    ),
    (r"roi_heads\.keypoint_predictor\.kps_score_lowres", "head_joint_heatmaps"),
)

DIALECTS = tuple(
    replace(dialect, rows=(*dialect.rows, *ROWS))
    for dialect in (faster_rcnn.TORCHVISION, faster_rcnn.FROZEN)
)
