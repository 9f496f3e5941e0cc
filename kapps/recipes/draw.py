"""Draw a network, or a block of it, as a picture (SVG) from its graph.

kapps draw ResNet152 --out resnet152.svg
kapps draw MobileNetV2 --block stage3_block2
kapps draw runs/photos --layers
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting


@dataclass(frozen=True)
class Settings:
    """What to draw."""

    name: str = setting(
        help="an application (see kapps list), a run folder, a .keras file", positional=True
    )
    block: str | None = setting(
        None, "draw the layers of this block or stage, e.g. stage1_block2", metavar="NAME"
    )
    layers: bool = setting(False, "draw every layer; nothing is folded")
    out: str | None = setting(
        None, "write the picture here; by default NAME.svg in this folder", metavar="FILE"
    )


def run(settings: Settings) -> dict:
    """Write the picture.

    Returns:
        {"path", "boxes", "layers"}: where it is, how many boxes it has, how many layers they are.

    Raises:
        ValueError, KappsError: there is no such application, file or block; a .tflite, which has
            operators and no layers; `block` and `layers` together; a file that is not .svg.
    """
    from kapps.files import atomic_write
    from kapps.inspect import drawing, folding, graph
    from kapps.recipes import _files

    if settings.block and settings.layers:
        raise ValueError(f"layers has no effect beside block={settings.block!r}; drop one of them.")
    words = [Path(settings.name).stem, *([settings.block] if settings.block else [])]
    out = Path(settings.out or "-".join(words) + ".svg")
    if out.suffix != ".svg":
        raise ValueError(f"out={settings.out!r} is not possible; pictures are .svg files.")
    model = _files.model(settings.name)
    boxes = graph.boxes(model)
    if settings.block:
        boxes = graph.part(boxes, settings.block)
    elif not settings.layers:
        boxes = folding.fold(boxes)
    with atomic_write(out, "w") as file:
        file.write(drawing.svg(boxes, " ".join(words)))
    count = sum(box.count for box in boxes)
    print(f"{count} layers in {len(boxes)} boxes; look at {out}")
    return {"path": str(out), "boxes": len(boxes), "layers": count}


if __name__ == "__main__":
    sys.exit(main(Settings, run))
