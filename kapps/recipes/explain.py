"""Show what in a picture speaks for an answer, and what the layers of a network see.

kapps explain cat.jpg --save seen
kapps explain cat.jpg --method integrated-gradients --class tabby --json
kapps explain photos/ --method deconvnet --model VGG16 --layer stage3_block1_conv --channel 7
kapps explain street.jpg --model SSDLite320MobileNetV3Large --weights coco --detection 2
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting

HEAT = (
    "grad-cam", "grad-cam++", "score-cam", "gradient", "integrated-gradients", "smooth-grad",
    "occlusion",
)  # fmt: skip
LOOK = ("attention", "rollout", "maps", "filters", "deconvnet")


@dataclass(frozen=True)
class Settings:
    """Which pictures, which model, and which way to look."""

    images: tuple[str, ...] = setting(
        help="files, folders, or patterns such as 'photos/*.jpg'", positional=True
    )
    model: str = setting("EfficientNetLite0", "run folder, .keras file, or application")
    weights: str | None = setting(None, "tag or file of weights, for an application")
    arguments: tuple[str, ...] = setting((), "of an application, such as alpha=0.5")
    method: str = setting("grad-cam", "how to look, see docs/explain.md", choices=HEAT + LOOK)
    class_: str | None = setting(
        None, "name or number of the class to explain (default: the model's first)"
    )
    detection: int = setting(1, "of a detector: which one of its detections, from the surest on")
    layer: str | None = setting(
        None, "whose maps, filters or attention (default: the last), see kapps info --layers"
    )
    channel: int | None = setting(None, "of --method deconvnet: which filter of the layer")
    top: int = setting(9, "of --method deconvnet: the pictures that it answers to most")
    steps: int = setting(50, "of --method integrated-gradients: gradients on the way")
    samples: int = setting(25, "of --method smooth-grad: noisy pictures")
    patch: int | None = setting(
        None, "of --method occlusion: side of the square in pixels (default: an eighth)"
    )
    threshold: float = setting(0.2, "share of the highest heat from which on the box begins")
    save: str | None = setting(None, "folder for the pictures, as PNG files", metavar="DIR")
    json: bool = setting(False, "print JSON instead of a table")


def run(settings: Settings) -> list[dict]:
    """Look at each picture, print the numbers and save what there is to see.

    Returns:
        A dictionary for each picture: {"image", "method", "files": of `save`}, and

        - of a map of heat {"layer" or None, "index", "label", "score" before a softmax, "peak":
          (x, y) of the highest place, "box": left, top, right and bottom around it, None of methods
          that judge single pixels; both in pixels of the photo}; of a detector also "detection",
          its box; of integrated gradients "sum" and "difference", f(photo) - f(black), to which
          they add up;
        - of attention and rollout {"layer", "peak", "heads"}, of maps and filters {"layer",
          "shape"};
        - of the deconvnet {"layer", "channel", "value", "place": row and column, "box": in pixels
          of the network's input}, the strongest first.

    Raises:
        KappsError, ValueError: no such picture, model, class or layer, a method that the model has
            no use for, or a setting out of range.
    """
    from kapps.applications import named
    from kapps.recipes import _explaining, _photos, _predictor

    arguments = named.arguments_of(settings.arguments)
    files = _photos.find(settings.images)
    if settings.method == "deconvnet" and (settings.layer is None or settings.channel is None):
        raise ValueError("method=deconvnet looks at one filter: add --layer and --channel.")
    if settings.method == "filters" and settings.layer is None:
        raise ValueError("method=filters needs --layer; kapps info --layers lists them.")
    if not 0 < settings.threshold < 1:
        raise ValueError(f"threshold={settings.threshold} is out of range; use 0 to 1.")
    load = _predictor.load_network if settings.method in LOOK else _predictor.load_any
    predictor = load(settings.model, weights=settings.weights, arguments=arguments)
    if predictor.model is None:
        raise ValueError(
            f"{settings.model} has no layers to look into; give a run folder, a .keras file or the "
            "name of an application."
        )
    seen = _explaining.look(predictor, files, settings)
    results = []
    for stem, one in zip(_photos.stems([row.name for row in seen]), seen, strict=True):
        saved = _save(one.pictures, stem, settings) if settings.save else []
        found = {"image": one.name, "method": settings.method, **one.numbers}
        results.append({**found, "files": saved})
    print(json.dumps(results, indent=2)) if settings.json else _print(results)
    return results


def _save(pictures: dict, stem: str, settings: Settings) -> list[str]:
    from kapps.files import atomic_path

    folder = Path(settings.save)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind, picture in pictures.items():
        target = folder / f"{stem}_{kind}.png"
        with atomic_path(target) as path:
            picture.save(path, "PNG")
        paths.append(str(target))
    return paths


def _print(results: list[dict]) -> None:
    from kapps.recipes import _tables

    names = [name for name in results[0] if name not in ("image", "method", "files")]
    rows = [(row["image"], *(_text(row.get(name)) for name in names)) for row in results]
    _tables.print_table(("image", *names), rows)
    for row in results:
        for path in row["files"]:
            print(f"look at {path}")


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return " ".join(map(_text, value))
    return "-" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main(Settings, run))
