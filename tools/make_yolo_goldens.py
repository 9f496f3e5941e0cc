"""Reference outputs of Ultralytics', Megvii's and other detectors for deterministic checkpoints.

    REFERENCE/bin/python -m tools.make_yolo_goldens yolov8n yolov5n --head-scale 12
    REFERENCE/bin/python -m tools.make_yolo_goldens yolov8s-world yolov8s-worldv2 --head-scale 12
    REFERENCE/bin/python -m tools.make_yolo_goldens yolox_nano --megvii FOLDER --head-scale 0.004
    REFERENCE/bin/python -m tools.make_yolo_goldens yolov7-tiny yolov6n --head-scale 1

REFERENCE is an environment of its own with torch and ultralytics, whose configurations it builds:
yolov5n.yaml has the head of v8 there, its golden is yolov5nu. What YOLO-World looks for is one more
tensor of its checkpoint, so that no text is encoded. For each there will be NAME.npz in
tests/parity/golden_dense, as `tools.make_dense_goldens` writes them. Detections are those of
Ultralytics' suppression, which sees boxes that stick out of the input. FOLDER is the source package
of `pip download yolox --no-deps --no-build-isolation`, unpacked; only its models are used. YOLOv6
and v7 are those of `tools.yolo67_goldens`.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from tests.parity.fill import GOLDEN_SALT, fill, golden_input
from tools.make_dense_goldens import FOLDER, FOUND, ROWS, _declare_operators
from tools.yolo67_goldens import Network, corners, of_meituan, of_wongkinyiu

SIZE, SIZE_OF_FOUR_LEVELS = 96, 128
LAST = re.compile(  # that --head-scale scales
    r"model\.2[234]\.cv[23]\.\d\.2\.weight|(head|detect)\.(cls|reg|obj)_preds\.\d\.weight"
    r"|model\.\d+\.m\.\d\.weight"
)
SCALES = {"txt_feats": 7}  # so that they have a length of about 1, as those of an encoder
# 0, 1, ..., 15, which nothing trains; and anchors.
FIXED = ("dfl.conv.weight", "detect.proj", "proj_conv.weight", ".anchors", ".anchor_grid")


def write(name: str, norm_scale: float, head_scale: float, megvii: Path | None) -> None:
    """The golden of one network."""
    import torch

    network = _of_megvii(name, megvii) if megvii else _source(name)(name)
    size = SIZE_OF_FOUR_LEVELS if name.endswith("6") else SIZE
    model, tensors = network.model.eval().double(), []
    with torch.no_grad():
        for tensor, value in {**model.state_dict(), **network.more}.items():
            if tensor.endswith(("num_batches_tracked", *FIXED)):
                continue
            array = fill(tensor, value.shape, GOLDEN_SALT, norm_scale)
            scale = head_scale if LAST.fullmatch(tensor) else SCALES.get(tensor, 1)
            value.copy_(torch.from_numpy(np.asarray(array * scale)))
            tensors.append([tensor, list(value.shape)])
        images = np.concatenate([golden_input(size, i) for i in (0, 1)]).astype("float64")
        rows = network.answers(images.transpose(0, 3, 1, 2).copy())
    answers, step = _answers(rows, network.threshold, network.overlap)
    facts = {
        "reference": network.reference,
        "size": size,
        "step": step,
        "salt": GOLDEN_SALT,
        "norm_scale": norm_scale,
        "head_scale": head_scale,
        "scales": {tensor: scale for tensor, scale in SCALES.items() if tensor in network.more},
        "mean": [0.0] * 3,
        "std": [network.std] * 3,
        "parameters": sum(p.numel() for n, p in model.named_parameters() if not n.endswith(FIXED)),
        "tensors": tensors,
    }
    file = FOLDER / f"{network.reference.partition('/')[2]}.npz"
    np.savez_compressed(file, facts=json.dumps(facts), **answers)
    for key, value in answers.items():
        print(f"{name} {key} {value.shape} {value.min():.4g} .. {value.max():.4g}")


def _source(name: str) -> Callable[[str], Network]:
    if name.startswith("yolov7"):
        return of_wongkinyiu
    return of_meituan if name.startswith("yolov6") else _of_ultralytics


def _of_ultralytics(name: str) -> Network:
    import torch
    from ultralytics.nn.tasks import DetectionModel, WorldModel

    world = "-world" in name
    model = (WorldModel if world else DetectionModel)(f"{name}.yaml", verbose=False)
    reference = name if name.startswith("yolov8") else f"{name}u"

    def answers(images):
        decoded, raw = model(torch.from_numpy(images / 255))
        return {
            "class_logits": raw["scores"].transpose(1, 2),
            "box_regression": raw["boxes"].transpose(1, 2),
            "boxes": corners(decoded[:, :4].transpose(1, 2)),
            "scores": decoded[:, 4:].transpose(1, 2),
        }

    more = {"txt_feats": model.txt_feats} if world else {}
    return Network(f"ultralytics/{reference}", model, answers, overlap=0.7, more=more)


SIZES = {"nano": (0.33, 0.25), "tiny": (0.33, 0.375), "s": (0.33, 0.50)}  # depth, width


def _of_megvii(name: str, folder: Path) -> Network:
    import torch

    for module in ("yolox", "yolox.utils", "loguru"):
        sys.modules[module] = ModuleType(module)
    sys.modules["yolox"].__path__ = [str(folder / "yolox")]
    sys.modules["yolox.utils"].__path__ = [str(folder / "yolox/utils")]
    sys.modules["loguru"].logger = None
    utils = sys.modules["yolox.utils"]
    utils.bboxes_iou = import_module("yolox.utils.boxes").bboxes_iou
    utils.meshgrid = import_module("yolox.utils.compat").meshgrid
    models = import_module("yolox.models")
    size = name.rpartition("_")[2]
    (depth, width), separable = SIZES[size], size == "nano"
    model = models.YOLOX(
        models.YOLOPAFPN(depth, width, depthwise=separable),
        models.YOLOXHead(80, width, depthwise=separable),
    )
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3  # as its experiments set it
    model.head.decode_in_inference = False

    def answers(images):
        said = model(torch.from_numpy(images[:, ::-1].copy()))  # blue first
        # Sigmoids undone: raw outputs are not returned where it does not train.
        thing, classes = (torch.logit(part) for part in (said[..., 4:5], said[..., 5:]))
        decoded = model.head.decode_outputs(said.clone(), "torch.DoubleTensor")
        return {
            "class_logits": classes,
            "objectness": thing,
            "box_regression": said[..., :4],
            "boxes": corners(decoded[..., :4]),
            "scores": said[..., 5:] * said[..., 4:5],
        }

    return Network(f"megvii/{name}", model, answers, std=1.0)


def _answers(rows: dict, threshold: float, overlap: float) -> tuple[dict, int]:
    """Every `step`-th anchor, and the best detections."""
    import torch
    from ultralytics.utils import nms

    boxes = rows["boxes"]
    middle, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    whole = torch.cat([middle, size, rows["scores"]], -1).transpose(1, 2)
    found = nms.non_max_suppression(whole, threshold, overlap, max_det=300)
    count = min(FOUND, *map(len, found))
    step = max(1, boxes.shape[1] // ROWS)
    answers = {key: value[:, ::step].numpy().astype("float32") for key, value in rows.items()}
    best = torch.stack([one[:count] for one in found]).numpy()
    answers["found_boxes"] = best[..., :4].astype("float32")
    answers["found_scores"] = best[..., 4].astype("float32")
    answers["found_classes"] = best[..., 5].astype("int32")
    return answers, step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--norm-scale", type=float, default=1.0)
    parser.add_argument("--head-scale", type=float, default=1.0, help="of the last convolutions")
    parser.add_argument("--megvii", type=Path, help="of YOLOX: the folder of its source package")
    options = parser.parse_args()
    _declare_operators()
    for name in options.names:
        write(name, options.norm_scale, options.head_scale, options.megvii)


if __name__ == "__main__":
    main()
