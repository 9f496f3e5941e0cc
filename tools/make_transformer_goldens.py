"""Reference outputs of the library transformers for deterministic checkpoints.

    REFERENCE/bin/python -m tools.make_transformer_goldens detr@96 ...

As `tools.make_dense_goldens`, whose files these are like, for networks that torchvision has not.
Their configurations are made here, so nothing is downloaded. Besides what is said there: tensors
are called as in the published files, some of which are older than the library; where it keeps
normalisations frozen their scales and shifts count as parameters too; and `scales` makes some
tensors larger, so that queries differ.
"""

import argparse
import json
import re

import numpy as np

from tests.parity.fill import GOLDEN_SALT, fill, golden_input
from tools.make_dense_goldens import FOLDER, FOUND

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
ROWS = 25  # queries of each image that are kept
OLDER = (  # names in memory -> in the files on the hub
    (r"^model\.backbone\.model\.", "model.backbone.conv_encoder.model."),
    (r"\.o_proj\.", ".out_proj."),
    (r"\.mlp\.fc", ".fc"),
)
SCALES = {"detr": {r".*query_position_embeddings\.weight": 15.0}}


def detr():
    """DETR: (model, where the reference's own checkpoint is, answers of pictures)."""
    from transformers import DetrConfig, DetrForObjectDetection

    def answers(model, x):
        said = model(pixel_values=x)
        scores = said.logits.softmax(-1)[..., :-1]
        best, classes = scores.max(-1)
        return said.logits, said.pred_boxes, scores, (best, classes, None)

    model = DetrForObjectDetection(DetrConfig(num_labels=91))
    return model, "facebook/detr-resnet-50", answers, (MEAN, STD)


NETWORKS = {"detr": detr}


def filled(model, norm_scale: float, scales: dict[str, float]) -> list:
    """Give a model its deterministic values; the names and shapes of its checkpoint."""
    import torch

    tensors = []
    for tensor, value in model.state_dict().items():
        if tensor.endswith("num_batches_tracked"):
            continue
        for pattern, older in OLDER:
            tensor = re.sub(pattern, older, tensor)
        array = fill(tensor, value.shape, GOLDEN_SALT, norm_scale)
        for pattern, scale in scales.items():
            array = array * np.float32(scale if re.fullmatch(pattern, tensor) else 1)
        value.copy_(torch.from_numpy(array))
        tensors.append([tensor, list(value.shape)])
    return tensors


def write(name: str, size: int, norm_scale: float) -> None:
    """The golden of a detector."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        model, reference, answers, (mean, std) = NETWORKS[name]()
        model = model.eval().double()
        tensors = filled(model, norm_scale, SCALES.get(name, {}))
        images = np.concatenate([golden_input(size, 0), golden_input(size, 1)]).astype("float64")
        x = torch.from_numpy(((images / 255 - mean) / std).transpose(0, 3, 1, 2).copy())
        logits, shares, scores, (best, classes, queries) = answers(model, x)
        middle, extent = shares[..., :2], shares[..., 2:]
        boxes = torch.cat([middle - extent / 2, middle + extent / 2], -1) * size
        best, order = best.topk(FOUND)
        rows = order if queries is None else queries.gather(1, order)
        found = boxes.gather(1, rows[..., None].expand(-1, -1, 4))
    step = max(1, boxes.shape[1] // ROWS)
    parts = {
        "class_logits": logits[:, ::step],
        "box_regression": shares[:, ::step],
        "boxes": boxes[:, ::step],
        "scores": scores[:, ::step],
        "found_boxes": found,
        "found_scores": best,
        "found_classes": classes.gather(1, order),
    }
    facts = {
        "reference": f"transformers/{reference}",
        "size": size,
        "step": step,
        "salt": GOLDEN_SALT,
        "norm_scale": norm_scale,
        "scales": SCALES.get(name, {}),
        "mean": (255 * np.array(mean)).tolist(),
        "std": (255 * np.array(std)).tolist(),
        "parameters": sum(int(np.prod(s)) for t, s in tensors if not t.endswith(STATISTICS)),
        "tensors": tensors,
    }
    arrays = {
        key: value.numpy().astype("int32" if "classes" in key else "float32")
        for key, value in parts.items()
    }
    path = FOLDER / f"{reference.rpartition('/')[2]}.npz"
    np.savez_compressed(path, facts=json.dumps(facts), **arrays)
    for key, value in arrays.items():
        print(f"{name} {key} {value.shape} {value.min():.4g} .. {value.max():.4g}")
    print(path, path.stat().st_size, facts["parameters"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="such as detr@96")
    parser.add_argument("--norm-scale", type=float, default=1.0)
    options = parser.parse_args()
    for name in options.names:
        network, _, size = name.partition("@")
        write(network, int(size), options.norm_scale)


if __name__ == "__main__":
    main()
