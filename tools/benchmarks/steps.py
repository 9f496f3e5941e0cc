"""A training step and an inference of kapps on each backend, against timm on torch."""

import statistics
import subprocess
import sys

from kapps.training import stepping
from tools.benchmarks._measure import PEERS, Section

TITLE = "Training and inference"
NETWORKS = {  # application: timm's name
    "MobileNetV2": "mobilenetv2_100",
    "ResNet50": "resnet50",
    "EfficientNetB0": "efficientnet_b0",
    "ConvNeXtTiny": "convnext_tiny",
}
BACKENDS = ("torch", "tensorflow", "jax")
SIZE, BATCH, ROUNDS = 128, 16, 7
TEXT = """Milliseconds of one step on 16 images of 128x128 in float32, the median of {rounds} rounds
in which every side has its turn; in brackets how many times as long as timm, in the same rounds.
kapps: `predict_on_batch` and `train_on_batch` (AdamW, cross entropy) as Keras compiles them by
default. timm: eager torch in channels_last, with torch's AdamW. These are the
steps of `kapps train`; the features of `kapps finetune` come from a network with BatchNorm folded
into its convolutions, which is faster still.

What the rest is, by profile. On JAX, MobileNetV2's training on one core: 35 % are products for
pointwise convolutions and their gradients, 29 % depthwise convolutions, 16 % activations with the
normalisation before them, 11 % the sums of BatchNorm and what else it takes, 3 % the first
convolution. Most of it are loops over memory: XLA writes padded and parted images that torch's
oneDNN reads where they are. On torch, MobileNetV2's inference: 33 % are
products of matrices for pointwise convolutions, 31 % other convolutions, 28 % BatchNorm and 4 %
activations, in the kernels of torch that timm calls too; 4 % are all the rest."""


def timm() -> str:
    """The PYTHONPATH with timm, installed on first use without its dependencies."""
    folder = PEERS / "timm"
    if not (folder / "timm").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
        subprocess.run([*pip, "timm==1.0.31", "torchvision==0.28.0"], check=True)
    return str(folder)


def measure(name: str, rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Median seconds by side and kind of step."""
    sides = {"timm": stepping.Side("timm", NETWORKS[name], SIZE, BATCH, PYTHONPATH=timm())}
    for backend in BACKENDS:
        sides[backend] = stepping.Side("kapps", name, SIZE, BATCH, KERAS_BACKEND=backend)
    stepping.alternate(list(sides.values()), rounds)
    return {
        name: {kind: statistics.median(times) for kind, times in side.times.items()}
        for name, side in sides.items()
    }


def run() -> Section:
    """Measure all networks."""
    rows = []
    for name in NETWORKS:
        found = measure(name)
        for kind in ("inference", "training"):
            base = found["timm"][kind]
            cells = [f"{1000 * base:.0f}"]
            for backend in BACKENDS:
                value = found[backend][kind]
                cells.append(f"{1000 * value:.0f} ({value / base:.2f})")
            rows.append((f"`{name}`", kind, *cells))
            print(rows[-1], file=sys.stderr, flush=True)
    return Section(
        title=TITLE,
        text="\n\n".join(
            part.replace("\n", " ") for part in TEXT.format(rounds=ROUNDS).split("\n\n")
        ),
        columns=("", "step", "timm", *(f"kapps, {backend}" for backend in BACKENDS)),
        rows=rows,
        commands=[
            "KERAS_BACKEND=torch kapps benchmark MobileNetV2 --train "
            f"--against timm/{NETWORKS['MobileNetV2']} --size {SIZE} --batch-size {BATCH}",
        ],
    )
