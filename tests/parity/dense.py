"""Goldens of detectors: which there are, and how far a model is from one."""

import dataclasses
import json
import re
from pathlib import Path

import keras
import numpy as np

import kapps
from kapps.applications import _dense_graph, _loading
from kapps.layers import VOCABULARY, Network, NonMaxSuppression
from kapps.weights import dialects, port
from tests.parity.fill import fill, golden_input

FOLDER = Path(__file__).parent / "golden_dense"
LAST = re.compile(  # what --head-scale of the tools scales
    r"head\..*(cls_logits|bbox_reg|module_list\.\d)\.weight|model\.2[234]\.cv[23]\.\d\.2\.weight"
    r"|(head|detect)\.(cls|reg|obj)_preds\.\d\.weight|model\.\d+\.m\.\d\.weight"
    r"|rpn\.head\.(cls_logits|bbox_pred)\.weight"
    r"|roi_heads\.\w+_predictor\.(cls_score|bbox_pred|mask_fcn_logits|kps_score_lowres)\.weight"
)
RAW = ("class_logits", "box_regression", "centerness", "objectness")
STOP = 1012  # the token of a full stop
STAGES = ("objectness", "region_regression", "regions", "class_logits", "box_regression")


def names() -> list[str]:
    """Goldens in this repository, such as "ssd300_vgg16"."""
    return sorted(path.stem for path in FOLDER.glob("*.npz"))


def arrays_of(facts: dict) -> dict[str, np.ndarray]:
    """The checkpoint of a golden, as the reference would have saved it."""
    arrays = {}
    for name, shape in facts["tensors"]:
        array = fill(name, shape, facts["salt"], facts["norm_scale"])
        for pattern, scale in facts.get("scales", {}).items():
            array = array * np.float32(scale if re.fullmatch(pattern, name) else 1)
        arrays[name] = array * np.float32(facts.get("head_scale", 1) if LAST.fullmatch(name) else 1)
    return arrays


def read(name: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Facts and answers of a golden."""
    with np.load(FOLDER / f"{name}.npz") as golden:
        answers = {key: golden[key] for key in golden.files}
    return json.loads(str(answers.pop("facts"))), answers


def application(facts: dict):
    """The application of a golden, which may be a small one of its family."""
    app = kapps.find_application(facts["reference"])
    if config := facts.get("config"):
        app = dataclasses.replace(app, config={**app.config, **config}, min_size=1)
    if backbone := facts.get("backbone"):
        body = kapps.applications.get(app.backbone)
        body = dataclasses.replace(body, config={**body.config, **backbone})
        app = dataclasses.replace(app, backbone=None, plain=body)
    return app


def loaded(name: str, **arguments) -> keras.Model:
    """Our network with the golden's checkpoint, which must have a place for each parameter."""
    facts, answers = read(name)
    app = application(facts)
    shape = (facts["size"], facts["size"], 3)
    model = app(weights=None, input_shape=shape, **facts.get("arguments", {}), **arguments)
    arrays = arrays_of(facts)
    targets = _loading.targets_of(model)
    body = _dense_graph.body_of(app).family
    dialect = dialects.detect(app.family, list(arrays), set(targets), name, body)
    if ids := facts.get("ids"):
        set_tokens(model, ids, answers["states"])
    arrays = dialect.translate(arrays, targets)
    port.assign(model, arrays, source=name, new_layers=[VOCABULARY])
    trained = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert trained == facts["parameters"], (trained, facts["parameters"])
    return model


def set_tokens(model, ids: list[int], states: np.ndarray) -> None:
    """Let a network look for the phrases of a golden, each of which ends in a full stop."""
    stops = [0, *(i for i, token in enumerate(ids) if token == STOP)]
    first, *phrases, last = np.split(states, np.array(stops) + 1)
    said = [np.concatenate([first, phrase, last]) for phrase in phrases]
    layer = model.get_layer(VOCABULARY)
    layer.set_weights(layer.values([f"phrase {i}" for i in range(len(said))], said))


def detector_errors(name: str) -> dict[str, float]:
    """max |ours - reference| / max |reference| of raw outputs, boxes, scores and detections."""
    facts, expected = read(name)
    model = loaded(name)
    if "regions" in expected:
        return _two_stage_errors(model, facts, expected)
    parts = [key for key in RAW if key in expected]
    outputs = {key: model.get_layer(key).output for key in parts}
    ends = model.output
    tokens = expected.pop("states", None)
    if tokens is not None:
        outputs["token_logits"] = model.get_layer("head_tokens").output
    whole = Network(model.inputs, {**outputs, **ends, "found": suppressed(model)})
    images = np.concatenate([golden_input(facts["size"], i) for i in (0, 1)])
    ours = whole.predict(images, verbose=0, batch_size=1)
    found = ours.pop("found")
    if tokens is not None:  # of the last block, and of tokens that there are
        queries = ours["scores"].shape[1]
        ours["token_logits"] = ours["token_logits"][:, -queries:, : len(tokens)]
    count = expected["found_classes"].shape[1]
    got = {key: value[:, :: facts["step"]] for key, value in ours.items()}
    got |= {f"found_{key}": found[key][:, :count] for key in ("boxes", "scores", "classes")}
    return {key: relative(got[key], expected[key]) for key in expected}


def _two_stage_errors(model, facts, expected) -> dict[str, float]:
    """Of both stages, and of the detections that the network itself ends in."""
    outputs = {key: model.get_layer(key).output for key in STAGES}
    found = {f"found_{key}": value for key, value in model.output.items()}
    whole = Network(model.inputs, {**outputs, **found})
    images = np.concatenate([golden_input(facts["size"], i) for i in (0, 1)])
    ours = whole.predict(images, verbose=0, batch_size=1)
    errors = {}
    for key, value in expected.items():
        first = key in ("objectness", "region_regression")
        got = ours[key][:, :: facts["step"]] if first else ours[key][:, : value.shape[1]]
        if key == "found_heatmaps":
            got = got[:, :, ::3, ::3]
        errors[key] = relative(got, value)
    return errors


def suppressed(model: keras.Model):
    """Detections by the rule that the model carries."""
    boxes = model.get_layer("boxes")
    rule = boxes.suppression
    layer = NonMaxSuppression(**vars(rule), levels=boxes.anchors.counts)
    scores = model.output["scores"]
    if boxes.background == "counted":  # torchvision looks for things alone
        scores = scores[..., 1:]
    found = layer({"boxes": model.output["boxes"], "scores": scores})
    offset = int(boxes.background == "counted")
    return {**found, "classes": found["classes"] + offset}


def relative(ours: np.ndarray, reference: np.ndarray) -> float:
    """The largest difference, as a share of the largest value."""
    return float(np.abs(ours - reference).max() / np.abs(reference).max())
