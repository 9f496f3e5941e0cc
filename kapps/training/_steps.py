"""Child process of `stepping`: one network, ready to step.

Its argument is a JSON object, see `stepping.Side`. Each line of stdin, "inference" or "training",
is answered by a line of JSON with the seconds of one step.
"""

import json
import sys
import time

import numpy as np

TURN = 0.3  # seconds of steps in one turn, so that turns are of similar length


def kapps_steps(job: dict) -> dict:
    """`predict_on_batch` and `train_on_batch`, as Keras compiles them by default."""
    import importlib

    import keras

    from kapps import applications

    if job["library"] == "keras":
        build, channels = getattr(importlib.import_module("keras.applications"), job["name"]), 3
    else:
        build = applications.get(job["name"])
        channels = build.spec.channels
    shape = (job["size"], job["size"], channels)
    if keras.config.image_data_format() == "channels_first":
        shape = shape[::-1]
    model = build(
        weights=None, input_shape=shape, classifier_activation=None, **job.get("arguments", {})
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-4, weight_decay=0.01), loss)
    pixels = np.random.default_rng(0).uniform(0, 255, (job["batch_size"], *shape))
    x = keras.ops.convert_to_tensor(pixels.astype("float32"))
    y = keras.ops.arange(job["batch_size"])
    return {
        "inference": lambda: model.predict_on_batch(x),
        "training": lambda: model.train_on_batch(x, y),
    }


def timm_steps(job: dict) -> dict:
    """Eager torch in the memory format channels_last, the faster one on a CPU."""
    import torch

    try:
        import timm
    except RuntimeError:  # its torchvision looks for operators that do not load beside this torch
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import timm

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = timm.create_model(job["name"]).to(device, memory_format=torch.channels_last)
    shape = (job["batch_size"], 3, job["size"], job["size"])
    pixels = np.random.default_rng(0).uniform(0, 1, shape).astype("float32")
    x = torch.from_numpy(pixels).to(device, memory_format=torch.channels_last)
    y = torch.arange(job["batch_size"], device=device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)

    def infer():
        model.eval()
        with torch.inference_mode():
            model(x).cpu()  # as predict_on_batch does

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
    job = json.loads(sys.argv[1])
    try:
        steps = timm_steps(job) if job["library"] == "timm" else kapps_steps(job)
    except ModuleNotFoundError as error:
        if job["library"] != "timm":
            raise
        say(missing=error.name)
        return
    answer(steps)


def answer(steps: dict) -> None:
    """Warm the steps up, then do as each line of stdin says, until it ends."""
    counts = {}
    for kind, step in steps.items():
        step()
        step()
        counts[kind] = max(1, round(TURN / timed(step, 1)))
    say(ready=True)
    for line in sys.stdin:
        kind = line.strip()
        say(seconds=timed(steps[kind], counts[kind]))


def timed(step, count: int) -> float:
    """Seconds of one of `count` steps."""
    began = time.perf_counter()
    for _ in range(count):
        step()
    return max(time.perf_counter() - began, 1e-9) / count


def say(**answer) -> None:
    print("ANSWER", json.dumps(answer), flush=True)  # libraries may print too


if __name__ == "__main__":
    main()
