"""Child process of `detectors`: one detector, ready to step; see `kapps.training._steps`."""

import json
import sys

import numpy as np

from kapps.training import _steps

BOXES, CLASSES = 8, 90  # in an image


def scene(job: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images (batch, height, width, 3) in 0..255, boxes (batch, 8, 4) and labels (batch, 8)."""
    rng = np.random.default_rng(0)
    size, batch = job["size"], job["batch_size"]
    images = rng.uniform(0, 255, (batch, size, size, 3)).astype("float32")
    start = rng.uniform(0, 0.6 * size, (batch, BOXES, 2))
    boxes = np.concatenate([start, start + rng.uniform(0.1, 0.4, start.shape) * size], -1)
    return images, boxes.astype("float32"), rng.integers(0, CLASSES, (batch, BOXES), "int32")


def kapps_steps(job: dict) -> dict:
    """The model as it predicts, and the trainee of the task as Keras compiles it by default."""
    import keras

    from kapps import applications
    from kapps.tasks.detection import Detection

    shape = (job["size"], job["size"], 3)
    model = applications.get(job["name"])(weights=None, input_shape=shape)
    trainee = Detection().trainee(model)
    trainee.compile(keras.optimizers.AdamW(1e-4, weight_decay=0.01))
    images, boxes, labels = map(keras.ops.convert_to_tensor, scene(job))
    truth = {"boxes": boxes, "labels": labels}
    return {
        "inference": lambda: model.predict_on_batch(images),
        "training": lambda: trainee.train_on_batch(images, truth),
    }


def torchvision_steps(job: dict) -> dict:
    """Eager torch in channels_last."""
    import torch

    library = torch.library.Library("torchvision", "DEF")  # not called here, and not loadable
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torchvision.models import detection

    fixed = job["name"].startswith("ssdlite")  # knows one size
    sides = {} if fixed else {"min_size": job["size"], "max_size": job["size"]}
    model = detection.__dict__[job["name"]](weights=None, weights_backbone=None, **sides)
    model = model.to(memory_format=torch.channels_last)
    images, boxes, labels = map(torch.from_numpy, scene(job))
    images = images.movedim(-1, 1) / 255
    truth = [
        {"boxes": one, "labels": two.long()} for one, two in zip(boxes, labels + 1, strict=True)
    ]
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)

    def infer():
        model.eval()
        with torch.inference_mode():
            given, _ = model.transform(list(images))
            features = model.backbone(given.tensors.to(memory_format=torch.channels_last))
            return {key: x.numpy() for key, x in model.head(list(features.values())).items()}

    def train():
        model.train()
        optimizer.zero_grad()
        loss = sum(model(list(images), truth).values())
        loss.backward()
        optimizer.step()
        return loss.item()

    return {"inference": infer, "training": train}


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    _steps.answer((torchvision_steps if told["library"] == "torchvision" else kapps_steps)(told))
