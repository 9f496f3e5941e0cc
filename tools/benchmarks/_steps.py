"""Child process: one network, ready to step: `_steps.py kapps MobileNetV2`.

Each line of stdin, "inference" or "training", is answered by the seconds of one step.
"""

import os
import sys
import time

import numpy as np

from tools.benchmarks._measure import RESULT

SIZE, BATCH = 128, 16
STEPS = {"inference": 3, "training": 1}  # in one turn, so that turns are of similar length


def pixels() -> np.ndarray:
    """The batch, RGB in 0..255."""
    return np.random.default_rng(0).uniform(0, 255, (BATCH, SIZE, SIZE, 3)).astype("float32")


def kapps_steps(library: str, name: str) -> dict:
    """`predict_on_batch` and `train_on_batch`, as Keras compiles them by default."""
    import importlib

    import keras

    applications = importlib.import_module(f"{library}.applications")
    shape = (SIZE, SIZE, 3)
    model = getattr(applications, name)(weights=None, input_shape=shape, classifier_activation=None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-4, weight_decay=0.01), loss)
    x, y = keras.ops.convert_to_tensor(pixels()), keras.ops.arange(BATCH)
    return {
        "inference": lambda: model.predict_on_batch(x),
        "training": lambda: model.train_on_batch(x, y),
    }


def timm_steps(name: str) -> dict:
    """Eager torch in the memory format channels_last, the faster one on a CPU."""
    import torch

    # torchvision, which timm imports, looks for operators that may not load beside a CPU build.
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import timm

    model = timm.create_model(name).to(memory_format=torch.channels_last)
    x = torch.from_numpy(pixels().transpose(0, 3, 1, 2).copy())
    x, y = x.contiguous(memory_format=torch.channels_last) / 255, torch.arange(BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)

    def infer():
        model.eval()
        with torch.inference_mode():
            model(x)

    def train():
        model.train()
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        loss.item()

    return {"inference": infer, "training": train}


def main() -> None:
    """Warm up, then answer."""
    library, name = sys.argv[1:]
    steps = timm_steps(name) if library == "timm" else kapps_steps(library, name)
    for step in steps.values():
        step()
        step()
    print(f"{RESULT}ready", flush=True)
    for line in sys.stdin:
        kind = line.strip()
        began = time.perf_counter()
        for _ in range(STEPS[kind]):
            steps[kind]()
        print(f"{RESULT}{(time.perf_counter() - began) / STEPS[kind]:.6f}", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
