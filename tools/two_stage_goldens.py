"""What torchvision's two-stage detectors say, step by step; see `tools.make_dense_goldens`."""

import numpy as np

ROWS, REGIONS, FOUND, CHUNK = 60, 20, 20, 100


def answers(model, x) -> tuple[dict[str, np.ndarray], int]:
    """Raw outputs of both stages, regions and detections for images (2, 3, height, width).

    Returns:
        `objectness` and `region_regression` of every `step`-th anchor, `regions` and what the
        second stage says of the best of them, the best detections (`found_...`); and `step`.
    """
    import torch
    from torchvision.models.detection.image_list import ImageList
    from torchvision.models.detection.rpn import concat_box_prediction_layers

    sizes = [tuple(x.shape[2:])] * len(x)
    maps = model.backbone(x)
    rpn, heads = model.rpn, model.roi_heads
    objectness, codes = rpn.head(list(maps.values()))
    counts = [one[0].numel() for one in objectness]
    anchors = rpn.anchor_generator(ImageList(x, sizes), list(maps.values()))
    objectness, codes = concat_box_prediction_layers(objectness, codes)
    boxes = rpn.box_coder.decode(codes, anchors).view(len(x), -1, 4)
    objectness, codes = (value.view(len(x), -1, value.shape[-1]) for value in (objectness, codes))
    regions, _ = rpn.filter_proposals(boxes, objectness, sizes, counts)

    def pooled(image, pool, head, boxes):
        parts = []
        for start in range(0, len(boxes), CHUNK):  # a look at all of them needs gigabytes
            part = boxes[start : start + CHUNK]
            one = {key: value[image][None] for key, value in maps.items()}
            parts.append(head(pool(one, [part], sizes[:1])))
        return torch.cat(parts)

    step = max(1, objectness.shape[1] // ROWS)
    rows = {"objectness": objectness[:, ::step], "region_regression": codes[:, ::step]}
    rows = {key: list(value) for key, value in rows.items()}
    for image, own in enumerate(regions):
        said = pooled(image, heads.box_roi_pool, heads.box_head, own)
        logits, codes = heads.box_predictor(said)
        found = heads.postprocess_detections(logits, codes, [own], sizes[:1])
        boxes, scores, labels = (one[0][:FOUND] for one in found)
        add = {
            "regions": own[:REGIONS],
            "class_logits": logits[:REGIONS],
            "box_regression": codes[:REGIONS].view(-1, logits.shape[1], 4),
            "found_boxes": boxes,
            "found_scores": scores,
            "found_classes": labels,
        }
        print(f"{len(own)} regions, {len(found[0][0])} detections")
        if heads.has_mask():
            masks = pooled(image, heads.mask_roi_pool, heads.mask_head, boxes)
            masks = heads.mask_predictor(masks).sigmoid()
            add["found_masks"] = masks[torch.arange(len(labels)), labels]
        if heads.has_keypoint():
            maps_of = pooled(image, heads.keypoint_roi_pool, heads.keypoint_head, boxes)
            heat = heads.keypoint_predictor(maps_of).permute(0, 2, 3, 1)
            add["found_heatmaps"] = heat[:2, ::3, ::3]
        for key, value in add.items():
            rows.setdefault(key, []).append(value)
    least = {key: min(len(value) for value in values) for key, values in rows.items()}
    stacked = {
        key: np.stack([value[: least[key]].numpy() for value in values])
        for key, values in rows.items()
    }
    kinds = {key: "int32" if key == "found_classes" else "float32" for key in stacked}
    return {key: value.astype(kinds[key]) for key, value in stacked.items()}, step
