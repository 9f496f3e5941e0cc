"""Golden outputs: which there are, and how far a model is from one."""

import json
import re
from pathlib import Path

import numpy as np

import kapps
from kapps.applications import FAMILIES, _loading, facts
from kapps.layers import PREPROCESSING
from kapps.weights import dialects, port
from tests.parity.fill import fill, golden_input
from tests.parity.quick import answer, undrawn

FOLDER = Path(__file__).parent / "golden"


def names(family: str | None = None) -> list[str]:
    """Goldens in this repository, all or those of a family, such as "timm/mobilenetv2_100".

    One of another size than the network's own has it behind its name: "timm/NAME@72".
    """
    found = sorted(
        path.name.removesuffix(".json").replace("__", "/") for path in FOLDER.glob("*.json")
    )
    if family is None:
        return found
    own = {r["name"] for app in FAMILIES[family] for r in facts(app)["references"]}
    return [name for name in found if name.partition("@")[0] in own]


def relative_error(name: str, folder: Path = FOLDER) -> float:
    """max |ours - reference| / max |reference| of the logits, for the two golden images."""
    ours, expected = logits(name, folder)
    return float(np.abs(ours - expected).max() / np.abs(expected).max())


def logits(name: str, folder: Path = FOLDER, **arguments):
    """What the model and the reference say of the two golden images.

    Args:
        folder: of the golden.
        arguments: of the application; with `aux` the model's answer is a list.
    """
    golden = json.loads((folder / f"{name.replace('/', '__')}.json").read_text())
    expected = np.load(folder / f"{name.replace('/', '__')}.logits.npy")
    size = golden["input_size"]
    app = kapps.find_application(golden["reference"])
    if "depth" in golden:
        from tools.measure_tflite import with_blocks  # which locks files, as Windows does not

        app = with_blocks(app, golden["depth"])
    with undrawn():
        model = app(
            weights=None,
            classifier_activation=None,
            input_shape=_shape(size),
            classes=expected.shape[-1] if app.defaults.get("classes", app.classes) else 0,
            include_preprocessing=_preprocessing(golden),
            **arguments,
        )
    arrays = {
        tensor: fill(tensor, shape, golden["salt"], golden["norm_scale"])
        for tensor, shape in golden["tensors"]
    }
    targets = _loading.targets_of(model)
    dialect = dialects.detect(app.family, list(arrays), set(targets), name)
    parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    without = _cut_off(arrays, dialect)
    without += 0 if arguments.get("aux") else _left_out(golden, dialect)
    assert parameters == golden["parameters"] - without
    port.assign(model, dialect.translate(arrays, targets), source=name)
    images = np.concatenate([golden_input(size, 0), golden_input(size, 1)])
    if _channels_first():
        images = images.transpose(0, 3, 1, 2)
    return answer(model, images, app.family), expected


def _cut_off(arrays: dict, dialect) -> int:
    """Parameters that a dialect drops beforehand, such as Swin V2's biases that are always zero."""
    kept = dialect.prepare(arrays) if dialect.prepare else arrays
    return sum(a.size for a in arrays.values()) - sum(a.size for a in kept.values())


def _left_out(golden: dict, dialect) -> int:
    """Parameters of classifiers on the side, which serve only in training."""
    return sum(
        int(np.prod(shape))
        for tensor, shape in golden["tensors"]
        if any(re.fullmatch(pattern, tensor) for pattern in dialect.ignore)
        and "running" not in tensor
        and "num_batches" not in tensor
    )


def _preprocessing(golden: dict) -> str:
    """The name of the golden's normalisation."""
    mean, std = (255 * np.array(golden[key]) for key in ("mean", "std"))
    for name, candidate in PREPROCESSING.items():
        if np.allclose(candidate.mean, mean) and np.allclose(candidate.std, std):
            return name
    raise ValueError(f"{golden['reference']}: no preprocessing has mean {mean} and std {std}")


def _channels_first() -> bool:
    import keras

    return keras.config.image_data_format() == "channels_first"


def _shape(size: int) -> tuple[int, int, int]:
    return (3, size, size) if _channels_first() else (size, size, 3)
