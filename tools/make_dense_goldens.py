"""Reference outputs of torchvision's detectors for deterministic checkpoints.

    REFERENCE/bin/python -m tools.make_dense_goldens ssdlite320_mobilenet_v3_large retinanet_...@128

REFERENCE is an environment of its own with torch and torchvision; kapps is not used. A name may say
the size of the images. For each there will be NAME.npz in tests/parity/golden_dense: `facts` (JSON:
tensor names and shapes, size, normalisation, parameters), and, computed in float64 for two images,
`class_logits`, `box_regression`, perhaps `centerness`, `boxes` and `scores` of every `step`-th
anchor, and the best detections of the whole (`found_boxes`, `found_scores`, `found_classes`); of a
detector of two stages see `tools.two_stage_goldens`.
Every value of the checkpoint comes from `tests.parity.fill`. `--norm-scale` as of
`tools.make_goldens`; `--head-scale` keeps the scores of networks without norms apart.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np

from tests.parity.fill import GOLDEN_SALT, fill, golden_input
from tools import two_stage_goldens

FOLDER = Path(__file__).parents[1] / "tests/parity/golden_dense"
SIZES = {"ssdlite320_mobilenet_v3_large": 320, "ssd300_vgg16": 300}
ROWS, FOUND = 60, 20  # anchors and detections of each image that are kept


LAST = (  # what --head-scale scales
    r"(head\..*(cls_logits|bbox_reg|module_list\.\d)|rpn\.head\.(cls_logits|bbox_pred)"
    r"|roi_heads\.\w+_predictor\.(cls_score|bbox_pred|mask_fcn_logits|kps_score_lowres))\.weight"
)
LIBRARIES = []


def _declare_operators() -> None:
    """Suppression in Python, where torchvision's compiled operators do not load."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _nms, "CPU")
    LIBRARIES.append(library)  # which would take its operators with it
    import torchvision.extension

    torchvision.extension._has_ops = lambda: True


def _nms(boxes, scores, threshold):
    """Indices of the boxes that no better one overlaps by more than `threshold`, best first."""
    import torch
    from torchvision.ops.boxes import box_iou

    order = scores.argsort(descending=True, stable=True)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[box_iou(boxes[best][None], boxes[rest])[0] <= threshold]
    return torch.tensor(kept, dtype=torch.int64)


def write(name: str, size: int | None, norm_scale: float, head_scale: float) -> None:
    """The golden of one network."""
    import torch
    from torchvision import models

    torch.manual_seed(0)
    model = models.get_model(name, weights=None, weights_backbone=None).eval().double()
    size = size or SIZES.get(name, 128)
    tensors = []
    with torch.no_grad():
        for tensor, value in model.state_dict().items():
            if not tensor.endswith("num_batches_tracked"):
                array = fill(tensor, value.shape, GOLDEN_SALT, norm_scale)
                array *= head_scale if re.fullmatch(LAST, tensor) else 1
                value.copy_(torch.from_numpy(array))
                tensors.append([tensor, list(value.shape)])
        mean, std = np.array(model.transform.image_mean), np.array(model.transform.image_std)
        images = np.concatenate([golden_input(size, 0), golden_input(size, 1)]).astype("float64")
        x = torch.from_numpy(((images / 255 - mean) / std).transpose(0, 3, 1, 2).copy())
        say = two_stage_goldens.answers if hasattr(model, "rpn") else _detector
        answers, step = say(model, x)
    facts = {
        "reference": f"torchvision/{name}",
        "size": size,
        "step": step,
        "salt": GOLDEN_SALT,
        "norm_scale": norm_scale,
        "head_scale": head_scale,
        "mean": (255 * mean).tolist(),
        "std": (255 * std).tolist(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "tensors": tensors,
    }
    FOLDER.mkdir(exist_ok=True)
    np.savez_compressed(FOLDER / f"{name}.npz", facts=json.dumps(facts), **answers)
    for key, value in answers.items():
        print(f"{name} {key} {value.shape} {value.min():.4g} .. {value.max():.4g}")


def _detector(model, x):
    import torch
    from torchvision.models.detection.image_list import ImageList

    sizes = [tuple(x.shape[2:])] * len(x)
    maps = model.backbone(x)
    maps = list(maps.values()) if isinstance(maps, dict) else [maps]
    raw = model.head(maps)
    anchors = model.anchor_generator(ImageList(x, sizes), maps)
    pairs = zip(raw["bbox_regression"], anchors, strict=True)
    boxes = torch.stack([_decoded(model, codes, places) for codes, places in pairs])
    height, width = sizes[0]
    boxes[..., 0::2] = boxes[..., 0::2].clamp(0, width)
    boxes[..., 1::2] = boxes[..., 1::2].clamp(0, height)
    found = _found(model, raw, anchors, sizes, maps)
    step = max(1, boxes.shape[1] // ROWS)
    rows = {
        "class_logits": raw["cls_logits"],
        "box_regression": raw["bbox_regression"],
        "boxes": boxes,
        "scores": _scores(model, raw),
    }
    if "bbox_ctrness" in raw:
        rows["centerness"] = raw["bbox_ctrness"]
    answers = {key: value[:, ::step].numpy().astype("float32") for key, value in rows.items()}
    count = min(FOUND, *(len(one["scores"]) for one in found))
    for key, theirs in (("boxes", "boxes"), ("scores", "scores"), ("classes", "labels")):
        best = [one[theirs][:count].numpy() for one in found]
        answers[f"found_{key}"] = np.stack(best).astype("float32" if key != "classes" else "int32")
    return answers, step


def _decoded(model, codes, anchors):
    coder = model.box_coder
    return (getattr(coder, "decode_single", None) or coder.decode)(codes, anchors)


def _scores(model, raw):
    import torch

    if "SSD" in type(model).__name__:
        return torch.softmax(raw["cls_logits"], -1)
    if "bbox_ctrness" in raw:
        return torch.sqrt(torch.sigmoid(raw["cls_logits"]) * torch.sigmoid(raw["bbox_ctrness"]))
    return torch.sigmoid(raw["cls_logits"])


def _found(model, raw, anchors, sizes, maps):
    """The reference's own detections."""
    if "SSD" in type(model).__name__:
        return model.postprocess_detections(raw, anchors, sizes)
    forms = model.anchor_generator.num_anchors_per_location()[0]
    counts = [m.shape[2] * m.shape[3] * forms for m in maps]
    levels = {key: list(value.split(counts, dim=1)) for key, value in raw.items()}
    return model.postprocess_detections(levels, [list(a.split(counts)) for a in anchors], sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--norm-scale", type=float, default=1.0)
    parser.add_argument("--head-scale", type=float, default=1.0, help="of the last convolutions")
    options = parser.parse_args()
    _declare_operators()
    for name in options.names:
        model, _, size = name.partition("@")
        write(model, int(size) if size else None, options.norm_scale, options.head_scale)


if __name__ == "__main__":
    main()
