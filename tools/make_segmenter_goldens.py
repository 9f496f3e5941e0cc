"""Reference outputs of segmenters for deterministic checkpoints, as tests read them.

    REFERENCE/bin/python -m tools.make_segmenter_goldens torchvision/fcn_resnet50@128
    REFERENCE/bin/python -m tools.make_segmenter_goldens smp/unet_resnet18@64
    REFERENCE/bin/python -m tools.make_segmenter_goldens timm/mobilenetv2_100@96 --output-stride 16

REFERENCE is an environment of its own with torch, torchvision, timm and
segmentation-models-pytorch; kapps is not used. For each name there will be NAME@SIZE.npz in
tests/parity/golden_segmenters: `tensors` (JSON: names and shapes), `facts` (JSON) and, of each
output, `EVERY`-th pixels of the logits of two images, (2, rows, columns, classes), computed in
float64. Every value of the checkpoint comes from `tests.parity.fill`. Of a network of timm the
output is `EVERY`-th channels of the last map, which with --output-stride is larger.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from tests.parity.fill import GOLDEN_SALT, fill, golden_input
from tools.make_goldens import DERIVED, IMAGENET, _declare_operators

FOLDER = Path(__file__).parents[1] / "tests/parity/golden_segmenters"
EVERY = 7  # no divisor of a stride, so that all places between two pixels of a small map occur
FIRST = 3
CLASSES = 21


def network(name: str, output_stride: int):
    """A segmenter of a reference, or a dilated classifier, with random weights."""
    _declare_operators()
    library, _, model = name.partition("/")
    if library == "timm":
        import timm

        return timm.create_model(model, output_stride=output_stride)
    if library == "smp":
        import segmentation_models_pytorch as smp

        kind, _, encoder = model.partition("_")
        return smp.create_model(kind, encoder, encoder_weights=None, classes=CLASSES)
    from torchvision.models import segmentation

    sides = {} if model.startswith("lraspp") else {"aux_loss": True}
    make = getattr(segmentation, model)
    return make(weights=None, weights_backbone=None, num_classes=CLASSES, **sides)


def golden(name: str, size: int, norm_scale: float, output_stride: int) -> dict[str, np.ndarray]:
    """What the file holds."""
    import torch

    net = network(name, output_stride).eval()
    timm = name.startswith("timm/")
    pixels, channels = ((None, None), EVERY) if timm else ((FIRST, EVERY), None)
    tensors = []
    for tensor, value in net.state_dict().items():
        if not tensor.endswith(DERIVED):
            tensors.append([tensor, list(value.shape)])
            value.copy_(torch.from_numpy(fill(tensor, value.shape, GOLDEN_SALT, norm_scale)))
    mean, std = IMAGENET
    images = np.concatenate([golden_input(size, index) for index in (0, 1)])
    images = ((images / 255 - mean) / std).transpose(0, 3, 1, 2)
    answers = {}
    for dtype in (torch.float64, torch.float32):
        with torch.no_grad():
            net = net.to(dtype)
            x = torch.from_numpy(images).to(dtype)
            found = net.forward_features(x) if timm else net(x)
        found = found if isinstance(found, dict) else {"out": found}
        answers[dtype] = {key: value.double().numpy() for key, value in found.items()}
    expected = answers[torch.float64]
    lost = {
        key: float(np.abs(answers[torch.float32][key] - value).max() / np.abs(value).max())
        for key, value in expected.items()
    }
    spread = np.abs(expected["out"][0] - expected["out"][1]).max() / np.abs(expected["out"]).max()
    print(f"{name}: float32 errors {lost}, answers differ by {spread:.1e}")
    facts = {"reference": name, "size": size, "norm_scale": norm_scale, "float32_error": lost}
    facts |= {"output_stride": output_stride} if timm else {}
    rows = slice(pixels[0], None, pixels[1])
    return {
        "tensors": np.array(json.dumps(tensors, separators=(",", ":"))),
        "facts": np.array(json.dumps(facts)),
        **{
            key: value[:, ::channels, rows, rows].transpose(0, 2, 3, 1).astype("float32")
            for key, value in expected.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="torchvision/MODEL@SIZE or smp/KIND_ENCODER@SIZE")
    parser.add_argument("--norm-scale", type=float, default=1.0, help="of normalisations")
    parser.add_argument("--output-stride", type=int, default=16, help="of networks of timm")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name in options.names:
        model, _, size = name.partition("@")
        arrays = golden(model, int(size or 128), options.norm_scale, options.output_stride)
        stride = f"@{options.output_stride}" if model.startswith("timm/") else ""
        np.savez_compressed(FOLDER / f"{name.replace('/', '__')}{stride}.npz", **arrays)


if __name__ == "__main__":
    main()
