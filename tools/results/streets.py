"""A segmenter for a phone on photos of streets, against one from scratch."""

from tools.results.experiment import Experiment, Means
from tools.results.measuring import SHARED, Place

DATA = "masks:data/camvid_subset"
JUDGED = ("--data", DATA, "--split", "val")


def _lraspp(place: Place, seed: int) -> dict:
    """Training, judging, and the files for phones on LiteRT."""
    place.link("camvid_subset", SHARED / "camvid_subset")
    run = f"streets/lraspp-{seed}"
    words = ("--config", "lraspp_efficientnetlite0", f"data={DATA}", f"seed={seed}")
    cost = place.trained("finetune", run, *words)
    keras, exact, whole, size = place.judged_with_files(run, *JUDGED)
    return {
        "miou": keras["miou"],
        "pixel_accuracy": keras["pixel_accuracy"],
        "miou_float32": exact["miou"],
        "miou_int8": whole["miou"],
        "bytes_int8": size,
        **cost,
    }


def _unet(place: Place, seed: int) -> dict:
    """Training and judging."""
    place.link("camvid_subset", SHARED / "camvid_subset")
    run = f"streets/unet-{seed}"
    cost = place.trained("train", run, "--config", "unet", f"data={DATA}", f"seed={seed}")
    keras = place.judged(run, *JUDGED)
    return {"miou": keras["miou"], "pixel_accuracy": keras["pixel_accuracy"], **cost}


def _verdict(m: Means) -> str:
    ours = m.get("LRASPPEfficientNetLite0")
    if not ours or "miou_int8" not in ours:
        return ""
    lost = ours["miou"] - ours["miou_int8"]
    within = "within" if abs(lost) <= 0.02 else "**not** within"
    return f"int8 loses {100 * lost:.2f} points of mean IoU, {within} two."


STREETS = Experiment(
    title="LR-ASPP on EfficientNet-Lite0 and a U-Net from scratch, streets",
    about="A subset of CamVid: 74 photos of 480x360 to train on, 26 to judge each epoch by, which "
    "the figures are of too, in pixels of the 192x192 input; eleven classes, and void, which is "
    "not counted. LR-ASPP starts from the ImageNet weights of EfficientNet-Lite0, the U-Net, an "
    "eighth as wide as the paper's, from random ones; as many epochs of the same augmentation.",
    parts={"LRASPPEfficientNetLite0": _lraspp, "UNet, filters=8": _unet},
    verdict=_verdict,
)
