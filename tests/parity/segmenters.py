"""Golden outputs of segmenters and dilated backbones, and how far a model is from one.

`tools/make_segmenter_goldens.py` writes them and says what is in a file.
"""

import json
from pathlib import Path

import keras
import numpy as np
from safetensors.numpy import save_file

import kapps
from kapps.applications import _loading
from kapps.weights import dialects, port
from tests.parity.fill import fill, golden_input

FOLDER = Path(__file__).parent / "golden_segmenters"
EVERY, FIRST = 7, 3


def read(name: str) -> tuple[dict, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(facts, checkpoint, outputs) of a golden such as "torchvision/fcn_resnet50@96"."""
    with np.load(FOLDER / f"{name.replace('/', '__')}.npz") as file:
        facts = json.loads(str(file["facts"]))
        tensors = json.loads(str(file["tensors"]))
        outputs = {key: file[key] for key in file.files if key not in ("facts", "tensors")}
    return facts, {t: fill(t, s, 0, facts["norm_scale"]) for t, s in tensors}, outputs


def images(size: int) -> np.ndarray:
    """The two images, in the data format of Keras."""
    both = np.concatenate([golden_input(size, 0), golden_input(size, 1)])
    return both.transpose(0, 3, 1, 2) if _first() else both


def segmenter_errors(name: str, tmp_path: Path, aux: bool = False) -> dict[str, float]:
    """max |ours - reference| / max |reference| of each output, loaded from a .safetensors file."""
    facts, arrays, expected = read(name)
    save_file(arrays, tmp_path / "weights.safetensors")
    size = facts["size"]
    model = kapps.find_application(facts["reference"])(
        weights=tmp_path / "weights.safetensors",
        input_shape=(3, size, size) if _first() else (size, size, 3),
        classifier_activation=None,
        **({"aux": True} if aux else {}),
    )
    assert model.load_report.new == () and len(model.load_report.loaded) == len(
        port.variables_of(model)
    )
    found = model.predict(images(size), verbose=0, batch_size=1)
    found = dict(zip(("out", "aux"), found if isinstance(found, list) else [found], strict=False))
    return {
        key: _error(value[:, FIRST::EVERY, FIRST::EVERY], expected[key])
        for key, value in found.items()
    }


def dilation_error(name: str) -> float:
    """The same of the last map of a dilated backbone."""
    facts, arrays, expected = read(name)
    app = kapps.find_application(facts["reference"])
    size = facts["size"]
    model = app(weights=None, include_preprocessing="torch", include_top=False,
                input_shape=(3, size, size) if _first() else (size, size, 3))  # fmt: skip
    model = kapps.layers.dilate(model, facts["output_stride"])
    targets = _loading.targets_of(model)
    dialect = dialects.detect(app.family, list(arrays), {*targets, "predictions"}, name)
    head = (port.CLASSIFIER, *app.top_layers)
    port.assign(model, dialect.translate(arrays, targets), source=name, head_layers=head)
    found = model.predict(images(size), verbose=0)
    found = found.transpose(0, 2, 3, 1) if _first() else found
    return _error(found[..., ::EVERY], expected["out"])


def _error(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _first() -> bool:
    return keras.config.image_data_format() == "channels_first"
