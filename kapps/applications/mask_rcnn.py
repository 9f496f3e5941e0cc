"""Mask R-CNN: Faster R-CNN that also outlines what it finds (He et al., 2017, arXiv:1703.06870).

Also Keypoint R-CNN (section 5), which says where the joints of people are.
"""

from keras import layers

from kapps.applications.faster_rcnn import (
    Regions,
    application,
    detect,
    on_resnet,
    two_stages,
)
from kapps.layers import (
    ApartRegions,
    BilinearResizeTo,
    Blocks,
    ClassMasks,
    TogetherRegions,
    aligned,
    conv_transpose,
)

CELLS = 14  # rows and columns of a region that is outlined
FILTERS = (256,) * 4  # figure 4 of the paper, on the right
JOINT_FILTERS = (512,) * 8  # section 5
JOINTS = 17  # of a person: COCO's


def outline(found: Regions, nn: Blocks) -> dict:
    """What Faster R-CNN finds, and a mask of 28 x 28 for each."""
    outputs = detect(found, nn, "mask_rcnn")
    return {**outputs, "masks": masks_of(outputs, found, nn)}


def joints(found: Regions, nn: Blocks) -> dict:
    """What Faster R-CNN finds, and logits of 56 x 56 places for each of 17 joints."""
    outputs = detect(found, nn, "keypoint_rcnn")
    return {**outputs, "heatmaps": heatmaps_of(outputs, found, nn)}


def masks_of(outputs: dict, found: Regions, nn: Blocks, filters: tuple[int, ...] = FILTERS):
    """The layer `masks`: one of each detection, and before it `mask_logits` of all classes."""
    x = _looked_at(found, outputs["boxes"], nn, filters, normed=found.improved, name="head_mask")
    x = conv_transpose(x, nn, filters[-1], 2, name="head_mask_upsample")
    x = nn.act(x, name="head_mask_act")
    x = nn.conv(x, found.columns, name="head_mask_predictions")
    logits = _apart(x, outputs["boxes"], nn, name="mask_logits")
    return ClassMasks(found.background, name="masks")([logits, outputs["classes"]])


def heatmaps_of(
    outputs: dict, found: Regions, nn: Blocks, filters: tuple[int, ...] = JOINT_FILTERS
):
    """The layer `heatmaps` of each detection."""
    x = _looked_at(found, outputs["boxes"], nn, filters, name="head_joint")
    x = conv_transpose(x, nn, JOINTS, 4, name="head_joint_heatmaps")
    x = BilinearResizeTo((4 * CELLS,) * 2, data_format=nn.data_format, name="head_joint_resize")(x)
    return _apart(x, outputs["boxes"], nn, name="heatmaps")


def _looked_at(found: Regions, boxes, nn: Blocks, filters, *, normed=False, name: str):
    """3x3 convolutions of what was found, (batch * M, 14, 14, channels)."""
    x = aligned(found.maps, boxes, nn, CELLS, found.image_size, name=f"{name}_align")
    x = TogetherRegions(name=f"{name}_together")(x)
    for i, number in enumerate(filters, 1):
        if normed:
            x = nn.conv_norm_act(x, number, 3, name=f"{name}_block{i}")
        else:
            x = nn.act(nn.conv(x, number, 3, name=f"{name}_block{i}_conv"), name=f"{name}_act{i}")
    return x


def _apart(x, boxes, nn: Blocks, *, name: str):
    """The layer `name`: (batch, M, height, width, channels), float32."""
    if nn.axis == 1:
        x = layers.Permute((2, 3, 1), name=f"{name}_to_last")(x)
    return ApartRegions(dtype="float32", name=name)([x, boxes])


mask_rcnn, keypoint_rcnn = two_stages(outline), two_stages(joints)
LEARNS = {"annotation": "objects"}
MaskRCNN = application("MaskRCNN", head=mask_rcnn, any_backbone=True, **LEARNS)
MaskRCNNResNet50FPN = on_resnet("MaskRCNNResNet50FPN", "maskrcnn_resnet50_fpn", mask_rcnn, **LEARNS)
MaskRCNNResNet50FPNV2 = on_resnet(
    "MaskRCNNResNet50FPNV2",
    "maskrcnn_resnet50_fpn_v2",
    mask_rcnn,
    config={"improved": True},
    **LEARNS,
)
KeypointRCNNResNet50FPN = on_resnet(
    "KeypointRCNNResNet50FPN", "keypointrcnn_resnet50_fpn", keypoint_rcnn, classes=2, **LEARNS
)

__all__ = [
    "KeypointRCNNResNet50FPN",
    "MaskRCNN",
    "MaskRCNNResNet50FPN",
    "MaskRCNNResNet50FPNV2",
]
