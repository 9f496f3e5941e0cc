"""Reference outputs of timm and torchvision for deterministic checkpoints, as tests read them.

    REFERENCE/bin/python -m tools.make_goldens timm/MODEL torchvision/MODEL@64 [--norm-scale 0.8]

REFERENCE is an environment of its own with torch, timm and torchvision; kapps is not used.
A name may say the size of the images; it is the reference's own otherwise. For each there will be
NAME.json (tensor names and shapes, size, normalisation, the reference's own float32 error) and
NAME.logits.npy (two images, computed in float64) in tests/parity/golden, or in --folder. Every
value of the checkpoint comes from `tests.parity.fill`, so names and shapes say it all. Raise or
lower --norm-scale where the two answers hardly differ or the float32 error is above 1e-5.
`tools.compare_references` makes goldens and compares ours with them at once. --depth builds the
transformers of timm with fewer blocks than they have.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from tests.parity.fill import GOLDEN_SALT, fill, golden_input

FOLDER = Path(__file__).parents[1] / "tests/parity/golden"
# Constants that some networks carry among their tensors.
DERIVED = ("relative_position_index", "relative_coords_table", "attn_mask", "num_batches_tracked")
LIBRARIES = []
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def network(name: str, size: int | None, depth: int | None):
    """(module, size, mean, std) of a reference with random weights.

    Args:
        name: "timm/MODEL", which may have a tag, or "torchvision/MODEL".
        size: height and width in pixels; None for the reference's own.
        depth: blocks of a transformer of timm; None for all.
    """
    _declare_operators()
    library, _, model = name.partition("/")
    if library == "timm":
        import timm

        less = {"depth": depth} if depth else {}
        try:  # a network of tokens is built for a size
            net = timm.create_model(model, **({"img_size": size} if size else {}), **less)
        except TypeError:
            net = timm.create_model(model, **less)
        config = net.pretrained_cfg
        return net, size or config["input_size"][1], config["mean"], config["std"]
    from torchvision import models

    fixed = {"image_size": size} if model.startswith("vit_") and size else {}
    net = models.get_model(model, weights=None, **fixed)
    return net, size or (299 if model == "inception_v3" else 224), *IMAGENET


def _declare_operators() -> None:
    """Let torchvision be imported where its compiled operators do not load; none is used here."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        LIBRARIES.append(library)  # which would take its operators with it


def golden(
    name: str, size: int | None, norm_scale: float, depth: int | None
) -> tuple[dict, np.ndarray]:
    """The facts of a golden and its outputs (2, classes), float32."""
    import torch

    net, size, mean, std = network(name, size, depth)
    net.eval()
    tensors = []
    for tensor, value in net.state_dict().items():
        if not tensor.endswith(DERIVED):
            tensors.append([tensor, list(value.shape)])
            value.copy_(torch.from_numpy(fill(tensor, value.shape, GOLDEN_SALT, norm_scale)))
    images = np.concatenate([golden_input(size, index) for index in (0, 1)])
    images = ((images / 255 - mean) / std).transpose(0, 3, 1, 2)
    answers = {}
    for dtype in (torch.float64, torch.float32):
        with torch.no_grad():
            rows = [net.to(dtype)(torch.from_numpy(x[None]).to(dtype)).double() for x in images]
        answers[dtype] = torch.cat(rows).numpy()
    expected = answers[torch.float64]
    largest = np.abs(expected).max()
    facts = {
        "reference": name,
        "input_size": size,
        **({"depth": depth} if depth else {}),
        "mean": list(mean),
        "std": list(std),
        "salt": GOLDEN_SALT,
        "norm_scale": norm_scale,
        "float32_error": float(np.abs(answers[torch.float32] - expected).max() / largest),
        "parameters": sum(p.numel() for p in net.parameters()),
        "tensors": tensors,
    }
    spread = np.abs(expected[0] - expected[1]).max() / largest
    print(f"{name}: float32 error {facts['float32_error']:.1e}, answers differ by {spread:.1e}")
    return facts, expected.astype("float32")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="timm/MODEL or torchvision/MODEL, or either@SIZE")
    parser.add_argument("--norm-scale", type=float, default=1.0, help="of normalisations")
    parser.add_argument("--depth", type=int, help="blocks of transformers; all of them otherwise")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files go")
    options = parser.parse_args()
    for name in options.names:
        model, _, size = name.partition("@")
        pixels = int(size) if size else None
        facts, expected = golden(model, pixels, options.norm_scale, options.depth)
        stem = name.replace("/", "__")
        (options.folder / f"{stem}.json").write_text(
            json.dumps(facts, separators=(",", ":")), "utf-8"
        )
        np.save(options.folder / f"{stem}.logits.npy", expected)


if __name__ == "__main__":
    main()
