"""A detector for a phone on crowded photos of blood cells."""

from tools.results.experiment import Experiment, Means, reached
from tools.results.measuring import SHARED, Place

DATA = "voc:data/blood_cells"
JUDGED = ("--data", DATA, "--split", "test")


def _ssdlite(place: Place, seed: int) -> dict:
    """Training, judging, and the files for phones on LiteRT."""
    place.link("blood_cells", SHARED / "blood_cells")
    run = f"cells/{seed}"
    words = ("--config", "ssdlite_cells", f"data={DATA}", f"seed={seed}")
    cost = place.trained("finetune", run, *words)
    keras, exact, whole, size = place.judged_with_files(run, *JUDGED)
    return {
        "map50": keras["map50"],
        "map": keras["map"],
        "map50_float32": exact["map50"],
        "map50_int8": whole["map50"],
        "map_int8": whole["map"],
        "bytes_int8": size,
        **cost,
    }


def _verdict(m: Means) -> str:
    if not m:
        return ""
    found = next(iter(m.values()))
    lost = found["map50"] - found["map50_int8"]
    within = "within" if abs(lost) <= 0.02 else "**not** within"
    said = reached("mAP@0.5", found["map50"], 0.8)
    return f"{said} int8 loses {100 * lost:.2f} points, {within} two."


CELLS = Experiment(
    title="SSDLite on EfficientNet-Lite0, blood cells",
    about="Three kinds of cells in crowded photos of 640x480: 205 to train on, 87 to choose the "
    "epoch by, 72 to test, which the figures are of: pycocotools' average precision in pixels of "
    "the photos. From the ImageNet weights of EfficientNet-Lite0; the files on the LiteRT runtime.",
    parts={"SSDLite320EfficientNetLite0": _ssdlite},
    verdict=_verdict,
)
