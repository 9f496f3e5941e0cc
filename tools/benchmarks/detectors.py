"""A training step and the raw answers of detectors on torch, against torchvision's."""

import statistics
import sys

from kapps.training import stepping
from tools.benchmarks._measure import ROOT, Section, ratio, seconds
from tools.benchmarks.steps import timm

TITLE = "Detectors on torch"
MODULE = "tools.benchmarks._detectors"
NETWORKS = {  # application: torchvision's name, pixels, images a step
    "RetinaNetResNet50FPN": ("retinanet_resnet50_fpn", 320, 2),
    "SSDLite320MobileNetV3Large": ("ssdlite320_mobilenet_v3_large", 320, 8),
}
ROUNDS = 7
TEXT = """One step in float32 on the CPU, the median of {rounds} rounds in which both sides have
their turn: {sizes}. Inference ends at decoded boxes and probabilities, for torchvision at what its
head says of features; suppression is measured above. Training is the step of `kapps train` and the
sum of torchvision's losses, both with AdamW and eight boxes an image, all layers learning.
torchvision is in channels_last, which is the faster one here."""


def run() -> Section:
    """Both networks, both kinds of step."""
    rows = []
    for name, (theirs, size, batch) in NETWORKS.items():
        sides = [
            stepping.Side("kapps", name, size, batch, module=MODULE, KERAS_BACKEND="torch"),
            stepping.Side(
                "torchvision", theirs, size, batch, module=MODULE, PYTHONPATH=f"{timm()}:{ROOT}"
            ),
        ]
        stepping.alternate(sides, ROUNDS)
        for kind in stepping.KINDS:
            ours, reference = (statistics.median(side.times[kind]) for side in sides)
            cells = seconds(ours), seconds(reference), ratio(reference, ours)
            rows.append((f"`{name}`", kind, *cells))
            print(rows[-1], file=sys.stderr, flush=True)
    sizes = ", ".join(f"{b} images of {s}x{s} for {name}" for name, (_, s, b) in NETWORKS.items())
    text = TEXT.format(rounds=ROUNDS, sizes=sizes).replace("\n", " ")
    columns = ("", "step", "kapps", "torchvision", "torchvision / kapps")
    return Section(TITLE, text, columns, rows)
