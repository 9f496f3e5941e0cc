"""A detector of few layers, and photos of bright squares for it to find."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from filelock import FileLock

from kapps import data, training
from kapps.applications.faster_rcnn import Regions
from kapps.applications.mask_rcnn import heatmaps_of, masks_of
from kapps.detection.anchors import CellAnchors, GridAnchors
from kapps.detection.coders import DeltaCoder
from kapps.detection.proposals import Proposals
from kapps.detection.rules import Suppression
from kapps.layers import (
    Blocks,
    aligned,
    detector_outputs,
    region_detections,
    region_proposals,
)
from kapps.runs import Run
from kapps.tasks.detection import Detection
from kapps.training import building

SIZE, CELL = 64, 8
OBJECTIVES = {None: "faster_rcnn", masks_of: "mask_rcnn", heatmaps_of: "keypoint_rcnn"}


def network(classes: int = 2) -> keras.Model:
    """A detector of squares about 16 pixels wide."""
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    for stage, filters in enumerate((8, 16, 32), 1):
        x = keras.layers.Conv2D(
            filters, 3, 2, padding="same", activation="relu", name=f"stage{stage}_conv"
        )(x)
    x = keras.layers.Conv2D(32, 3, padding="same", activation="relu", name="neck_conv")(x)
    x = keras.layers.BatchNormalization(momentum=0.8, name="neck_norm")(x)
    outputs = detector_outputs(
        Blocks(data_format="channels_last"),
        [keras.layers.Conv2D(classes + 1, 1, name="head_class")(x)],
        [keras.layers.Conv2D(4, 1, name="head_box")(x)],
        columns=classes + 1,
        anchors=CellAnchors((((16.0, 16.0),),), (CELL,)),
        coder=DeltaCoder(weights=(10.0, 10.0, 5.0, 5.0)),
        image_size=(SIZE, SIZE),
        objective={"name": "ssd"},
        activation="softmax",
        background="apart",
    )
    return keras.Model(image, outputs, name="toy")


def photos(folder, count: int = 12):
    """A folder as VOC has it: red (one) and green (two) squares on black, of 96x72 pixels."""
    from PIL import Image

    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = [f"photo{i}" for i in range(count)]
    for number, name in enumerate(names):
        pixels, rows = np.zeros((72, 96, 3), np.uint8), []
        for place in range(2):
            left, top = rng.integers(2, 22) + 48 * place, rng.integers(2, 46)
            label = (number + place) % 2
            pixels[top : top + 20, left : left + 24, label] = 255
            box = {"xmin": left + 1, "ymin": top + 1, "xmax": left + 24, "ymax": top + 20}
            inside = "".join(f"<{key}>{value}</{key}>" for key, value in box.items())
            kind = ("one", "two")[label]
            rows.append(f"<object><name>{kind}</name><bndbox>{inside}</bndbox></object>")
        Image.fromarray(pixels).save(folder / "JPEGImages" / f"{name}.png")
        (folder / "Annotations" / f"{name}.xml").write_text(
            "<annotation><size><width>96</width><height>72</height></size>"
            f"{''.join(rows)}</annotation>"
        )
    third = count // 3
    parts = {"train": names[: 2 * third], "val": names[2 * third :]}
    for part, chosen in parts.items():
        (folder / "ImageSets/Main" / f"{part}.txt").write_text("\n".join(chosen) + "\n")
    return f"voc:{folder}"


def outlined(folder, count: int = 6):
    """The same as COCO has it: each square with its outline and 17 points on its diagonal."""
    from PIL import Image

    rng = np.random.default_rng(0)
    contents = {"images": [], "annotations": [], "categories": []}
    points = [f"point{i}" for i in range(17)]
    for i, name in enumerate(("one", "two")):
        contents["categories"].append({"id": i + 1, "name": name, "keypoints": points})
    for number in range(count):
        pixels = np.zeros((72, 96, 3), np.uint8)
        image = {"id": number, "file_name": f"{number}.png", "width": 96, "height": 72}
        contents["images"].append(image)
        for place in range(2):
            left, top = int(rng.integers(2, 22)) + 48 * place, int(rng.integers(2, 46))
            label = (number + place) % 2
            pixels[top : top + 20, left : left + 24, label] = 255
            right, bottom = left + 24, top + 20
            diagonal = np.linspace((left, top), (right - 1, bottom - 1), 17)
            contents["annotations"].append({
                "id": len(contents["annotations"]), "image_id": number, "category_id": label + 1,
                "bbox": [left, top, 24, 20], "area": 480, "iscrowd": 0,
                "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
                "keypoints": np.pad(diagonal, ((0, 0), (0, 1)), constant_values=2).ravel().tolist(),
            })  # fmt: skip
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "squares.json").write_text(json.dumps(contents))
    return f"coco:{folder}/squares.json"


def learnt(model: keras.Model, root: Path, count: int = 12, **settings) -> Run:
    """The run of a detector that has learnt its squares; rows.json beside it has all epochs.

    Args:
        model: as `network` makes it. root: a folder. count: of photos, two thirds to learn from.
        settings: of `kapps.training.fit`.
    """
    from kapps.recipes import train

    uri = photos(root / "voc", count)
    one = {"annotation": "boxes", "size": SIZE, "batch_size": 4}
    seen = data.load(uri, training=True, augment="none", drop_remainder=True, **one)
    judges = data.load(uri, split="val", **one)
    task, how = Detection(), {"epochs": 60, "learning_rate": 0.01, "seed": 1, **settings}
    rows = training.fit(model, seen, judges, task=task, **how)
    spec = building.describe({}, seen.transform, 2, task, "detection")
    settings = train.Settings(data=uri, model="toy", out=str(root / "run"), validation=0.2)
    made = Run.create(root / "run", settings, "train", list(seen.class_names), spec)
    made.save_model(task.answering(model), "best")
    made.write_history(rows, task.metrics, finished=True)
    (root / "rows.json").write_text(json.dumps(rows))
    return made


def finder(common: Path) -> tuple[Run, list[dict]]:
    """The run of a `network` that is trained once for all tests, and its epochs.

    Args:
        common: what the fixture gives.
    """
    root = common / "finder"
    with FileLock(common / "finder.lock"):
        if not root.exists():
            learnt(network(), root, epochs=40)
    return Run.open(root / "run"), json.loads((root / "rows.json").read_text())


def two_stage_network(classes: int = 2, branch: Callable | None = None) -> keras.Model:
    """A detector of the same squares that looks at its best 12 regions again.

    Args:
        branch: `masks_of` or `heatmaps_of` of `kapps.applications.mask_rcnn`.
    """
    nn, size = Blocks(data_format="channels_last"), (SIZE, SIZE)
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    for stage, filters in enumerate((8, 16, 32), 1):
        x = keras.layers.Conv2D(
            filters, 3, 2, padding="same", activation="relu", name=f"stage{stage}_conv"
        )(x)
    x = keras.layers.Conv2D(32, 3, padding="same", activation="relu", name="neck_conv")(x)
    anchors = GridAnchors(((16.0,),), (1.0,), offset=0.5)
    regions, grids = region_proposals(
        nn,
        [keras.layers.Conv2D(1, 1, name="head_region_objectness")(x)],
        [keras.layers.Conv2D(4, 1, name="head_region_regression")(x)],
        anchors=anchors,
        coder=DeltaCoder(),
        image_size=size,
        rule=Proposals(12, 64),
    )
    y = aligned([x], regions, nn, 3, size, name="head_box_align")
    y = keras.layers.Reshape((-1, 288), name="head_box_flatten")(y)
    y = keras.layers.Dense(32, activation="relu", name="head_box_fc1")(y)
    outputs = region_detections(
        regions,
        keras.layers.Dense(classes + 1, name="head_class_predictions")(y),
        keras.layers.Dense(4 * (classes + 1), name="head_box_predictions")(y),
        anchors=anchors,
        coder=DeltaCoder(weights=(10.0, 10.0, 5.0, 5.0)),
        grids=grids,
        image_size=size,
        objective={"name": OBJECTIVES[branch], "region_high": 0.5, "regions_sampled": 16},
        background="apart",
        suppression=Suppression(0.05, 0.5, 10),
    )
    if branch:
        found = Regions([x], regions, size, anchors, grids, classes + 1, "apart", False)
        more = branch(outputs, found, nn, filters=(8,))
        outputs |= {"masks" if branch is masks_of else "heatmaps": more}
    return keras.Model(image, outputs, name="toy_of_two_stages")
