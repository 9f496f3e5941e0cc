"""The authors' YOLOv6 and YOLOv7 for `tools.make_yolo_goldens`, of packages that hold their code.

In the environment of the references, without what they depend on beside torch:
`pip install --no-deps sas-yolov7==1.0.7 yolov6detect==0.4.1` (both GPL-3.0; where the latter does
not build, its source archive on the path), and what their modules import.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple


class Network(NamedTuple):
    """A network of a reference.

    Attributes:
        reference: its name here.
        model: a module of torch.
        answers: of images (batch, channels, height, width) in 0..255: what it says, by name.
        threshold, overlap: of its suppression.
        std: what pixels are divided by.
        more: tensors of its checkpoint beside those of `model`.
    """

    reference: str
    model: Any
    answers: Callable
    threshold: float = 0.25
    overlap: float = 0.45
    std: float = 255.0
    more: dict = {}


def of_wongkinyiu(name: str) -> Network:
    """A network of cfg/deploy, such as "yolov7-tiny"."""
    import sas_yolov7
    import torch
    from sas_yolov7.models import yolo

    folder = Path(sas_yolov7.__file__).parent / "cfg/deploy"
    model = yolo.Model(str(folder / f"{name}.yaml"))

    def answers(images):
        decoded, raw = model(torch.from_numpy(images / 255))
        forms = [level.shape[1:4] for level in raw]
        parts = decoded.split([a * rows * columns for a, rows, columns in forms], 1)
        parts = [part.reshape(x.shape) for part, x in zip(parts, raw, strict=True)]
        # From all cells of a form to all forms of a cell.
        said, decoded = (
            torch.cat([x.permute(0, 2, 3, 1, 4).flatten(1, 3) for x in maps], 1)
            for maps in (raw, parts)
        )
        return {
            "class_logits": said[..., 5:],
            "objectness": said[..., 4:5],
            "box_regression": said[..., :4],
            "boxes": corners(decoded[..., :4]),
            "scores": decoded[..., 5:] * decoded[..., 4:5],
        }

    return Network(f"wongkinyiu/{name}", model, answers)


def of_meituan(name: str) -> Network:
    """A network of the configurations, such as "yolov6n"."""
    import torch
    from yolov6.models import yolo
    from yolov6.utils.config import ConfigDict

    settings = vars(import_module(f"yolov6.configs.{name}"))
    config = ConfigDict(model=settings["model"])
    config.training_mode = settings.get("training_mode", "repvgg")
    model = yolo.build_model(config, 80, torch.device("cpu"))
    said = {}
    for kind in ("cls", "reg"):
        for level, conv in enumerate(getattr(model.detect, f"{kind}_preds")):
            conv.register_forward_hook(
                lambda _, __, x, key=(kind, level): said.update({key: x.flatten(2).transpose(1, 2)})
            )

    def answers(images):
        decoded, _ = model(torch.from_numpy(images / 255))
        raw = {k: torch.cat([said[k, level] for level in range(3)], 1) for k in ("cls", "reg")}
        return {
            "class_logits": raw["cls"],
            "box_regression": raw["reg"],
            "boxes": corners(decoded[..., :4]),
            "scores": decoded[..., 5:],
        }

    return Network(f"meituan/{name}", model, answers, threshold=0.4)


def corners(boxes):
    """Middles and sizes as left, top, right, bottom."""
    import torch

    middle, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat([middle - size / 2, middle + size / 2], -1)
