"""Reference outputs of the library transformers for deterministic checkpoints.

    REFERENCE/bin/python -m tools.make_transformer_goldens detr@96 ...

As `tools.make_dense_goldens`, whose files these are like, for networks that torchvision has not.
Their configurations are made here, so nothing is downloaded. Besides what is said there: tensors
are called as in the published files, some of which are older than the library; where it keeps
normalisations frozen their scales and shifts count as parameters too, and what only denoising
queries have does not; and `scales` makes some
tensors larger, so that queries differ.
"""

import argparse
import json
import re

import numpy as np

from tests.parity.fill import GOLDEN_SALT, fill, golden_input
from tools.make_dense_goldens import FOLDER, FOUND

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NO_PARAMETERS = ("running_mean", "running_var", "denoising_class_embed.weight")
ROWS = 25  # queries of each image that are kept
OLDER = (  # names in memory -> in the files on the hub
    (r"^model\.backbone\.model\.", "model.backbone.conv_encoder.model."),
    (r"\.o_proj\.", ".out_proj."),
    (r"\.mlp\.fc", ".fc"),
    (r"\.aifi\.", ".encoder."),
    (r"^model\.backbone\.conv_encoder\.model\.(embedder|encoder)", r"model.backbone.model.\1"),
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


def rt_detr(depth: int, **changes):
    """RT-DETR on a ResNet of that depth; see `detr`."""
    from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig

    depths = {18: [2, 2, 2, 2], 50: [3, 4, 6, 3]}[depth]
    wide = 1 if depth < 50 else 4
    body = RTDetrResNetConfig(
        depths=depths,
        hidden_sizes=[64 * wide, 128 * wide, 256 * wide, 512 * wide],
        layer_type="basic" if depth < 50 else "bottleneck",
        out_indices=[2, 3, 4],
    )
    sizes = [128 * wide, 256 * wide, 512 * wide]
    config = RTDetrConfig(backbone_config=body, encoder_in_channels=sizes, num_labels=80, **changes)

    def answers(model, x):
        said = model(pixel_values=x)
        scores = said.logits.sigmoid()
        best, index = scores.flatten(1).sort(descending=True)
        return said.logits, said.pred_boxes, scores, (best, index % 80, index // 80)

    model = RTDetrForObjectDetection(config)
    return model, f"PekingU/rtdetr_r{depth}vd", answers, ((0.0,) * 3, (1.0,) * 3)


NETWORKS = {
    "detr": detr,
    "rt_detr_18": lambda: rt_detr(18, hidden_expansion=0.5, decoder_layers=3),
    "rt_detr_50": lambda: rt_detr(50),
}


def filled(model, norm_scale: float, scales: dict[str, float], names=OLDER) -> list:
    """Give a model its deterministic values; the names and shapes of its checkpoint."""
    import torch

    tensors = []
    for tensor, value in model.state_dict().items():
        if tensor.endswith("num_batches_tracked"):
            continue
        for pattern, older in names:
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
        "parameters": sum(int(np.prod(s)) for t, s in tensors if not t.endswith(NO_PARAMETERS)),
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


SAM_ENCODER = {
    "hidden_size": 96,
    "num_hidden_layers": 8,
    "num_attention_heads": 3,
    "global_attn_indexes": [1, 3, 5, 7],
}


def write_sam(size: int) -> None:
    """The golden of SAM on a small ViT for images of `size`: masks of points, boxes and a mask."""
    import torch
    from transformers import SamConfig, SamModel

    places = {"image_size": size, "image_embedding_size": size // 16}
    model = SamModel(
        SamConfig(
            vision_config={"image_size": size, **SAM_ENCODER},
            prompt_encoder_config=places,
        )
    )
    model = model.eval().double()
    points = np.array([[[20.0, 30.0], [70.0, 50.0]], [[100.0, 10.0], [5.0, 90.0]]]) * size / 128
    labels = np.array([[1, 0], [1, 1]])
    boxes = np.array([[10.0, 12.0, 80.0, 64.0], [30.0, 5.0, 120.0, 77.0]]) * size / 128
    with torch.no_grad():
        tensors = filled(model, 1.0, {})
        x = golden_input(size, 0).astype("float64") / 255
        x = torch.from_numpy(((x - MEAN) / STD).transpose(0, 3, 1, 2).copy())
        # Each thing on its own: the library takes one mask an image.
        given = {"pixel_values": x, "multimask_output": True}
        answers = {}
        for i in range(2):
            one = {
                "input_points": torch.tensor(points[None, i : i + 1]),
                "input_labels": torch.tensor(labels[None, i : i + 1]),
            }
            two = {**one, "input_boxes": torch.tensor(boxes[None, i : i + 1])}
            first = model(**given, **one)
            mask = first.pred_masks[:, 0, :1]
            for kind, prompts in {"points": one, "boxes": two}.items():
                answers.setdefault(kind, []).append(model(**given, **prompts))
            answers.setdefault("mask", []).append(model(**given, **two, input_masks=mask))
    arrays = {"points": points, "labels": labels, "box": boxes}
    for kind, said in answers.items():
        arrays[f"{kind}_masks"] = torch.cat([one.pred_masks[:, 0] for one in said]).numpy()
        arrays[f"{kind}_scores"] = torch.cat([one.iou_scores[:, 0] for one in said]).numpy()
    arrays = {key: value.astype("float32") for key, value in arrays.items()}
    tied = sum(np.prod(s) for t, s in tensors if t.startswith("prompt_encoder.shared_embedding"))
    facts = {
        "reference": "transformers.SamModel",
        "size": size,
        "encoder": SAM_ENCODER,
        "salt": GOLDEN_SALT,
        "norm_scale": 1.0,
        "parameters": int(sum(np.prod(s) for _, s in tensors) - tied),
        "tensors": tensors,
    }
    path = FOLDER.parent / "golden_prompted/sam.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, facts=json.dumps(facts), **arrays)
    for key, value in arrays.items():
        print(f"{key} {value.shape} {value.min():.4g} .. {value.max():.4g}")
    print(path, path.stat().st_size, facts["parameters"], tied)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="such as detr@96")
    parser.add_argument("--norm-scale", type=float, default=1.0)
    options = parser.parse_args()
    for name in options.names:
        network, _, size = name.partition("@")
        if network == "sam":
            write_sam(int(size))
        else:
            write(network, int(size), options.norm_scale)


if __name__ == "__main__":
    main()
