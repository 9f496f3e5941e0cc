"""Reference outputs of Ultralytics' detectors for deterministic checkpoints.

    REFERENCE/bin/python -m tools.make_yolo_goldens yolov8n yolov5n --head-scale 3

REFERENCE is an environment of its own with torch and ultralytics, whose configurations it builds:
yolov5n.yaml has the head of v8 there, its golden is yolov5nu. For each there will be NAME.npz in
tests/parity/golden_dense, as `tools.make_dense_goldens` writes them. Detections are those of its
own suppression, which sees boxes that stick out of the input.
"""

import argparse
import json

import numpy as np

from tests.parity.fill import GOLDEN_SALT, fill, golden_input
from tools.make_dense_goldens import FOLDER, FOUND, ROWS, _declare_operators

SIZE = 96
BINS = "dfl.conv.weight"  # 0, 1, ..., 15, which nothing trains


def write(name: str, norm_scale: float, head_scale: float) -> None:
    """The golden of one network."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel(f"{name}.yaml", verbose=False).eval().double()
    head = len(model.model) - 1
    last = [f"model.{head}.{b}.{i}.2.weight" for b in ("cv2", "cv3") for i in range(3)]
    tensors = []
    with torch.no_grad():
        for tensor, value in model.state_dict().items():
            if tensor.endswith(("num_batches_tracked", BINS)):
                continue
            array = fill(tensor, value.shape, GOLDEN_SALT, norm_scale)
            value.copy_(torch.from_numpy(array * (head_scale if tensor in last else 1)))
            tensors.append([tensor, list(value.shape)])
        images = np.concatenate([golden_input(SIZE, 0), golden_input(SIZE, 1)]).astype("float64")
        x = torch.from_numpy((images / 255).transpose(0, 3, 1, 2).copy())
        decoded, raw = model(x)
    answers, step = _answers(decoded, raw)
    reference = name if name.startswith("yolov8") else f"{name}u"
    facts = {
        "reference": f"ultralytics/{reference}",
        "size": SIZE,
        "step": step,
        "salt": GOLDEN_SALT,
        "norm_scale": norm_scale,
        "head_scale": head_scale,
        "mean": [0.0] * 3,
        "std": [255.0] * 3,
        "parameters": sum(p.numel() for n, p in model.named_parameters() if not n.endswith(BINS)),
        "tensors": tensors,
    }
    np.savez_compressed(FOLDER / f"{reference}.npz", facts=json.dumps(facts), **answers)
    for key, value in answers.items():
        print(f"{name} {key} {value.shape} {value.min():.4g} .. {value.max():.4g}")


def _answers(decoded, raw) -> tuple[dict, int]:
    import torch
    from ultralytics.utils import nms

    found = nms.non_max_suppression(decoded.clone(), 0.25, 0.7, max_det=300)
    count = min(FOUND, *map(len, found))
    middle, size = decoded[:, :2], decoded[:, 2:4]
    boxes = torch.cat([middle - size / 2, middle + size / 2], 1)
    rows = {
        "class_logits": raw["scores"],
        "box_regression": raw["boxes"],
        "boxes": boxes,
        "scores": decoded[:, 4:],
    }
    step = max(1, boxes.shape[2] // ROWS)
    answers = {k: v.transpose(1, 2)[:, ::step].numpy().astype("float32") for k, v in rows.items()}
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
    options = parser.parse_args()
    _declare_operators()
    for name in options.names:
        write(name, options.norm_scale, options.head_scale)


if __name__ == "__main__":
    main()
