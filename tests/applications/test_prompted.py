"""SAM, whole: equal to transformers' with points, boxes and a mask; and in a photo by one call."""

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import SAMBase, SAMViTBase16, _loading
from kapps.segmentation import prompting
from kapps.weights import dialects, port
from tests.parity.dense import relative
from tests.parity.fill import fill, golden_input

if keras.backend.backend() != "tensorflow":  # JAX compiles two networks, and parts of them
    pytestmark = pytest.mark.sweep
GOLDEN = Path(__file__).parents[1] / "parity/golden_prompted/sam.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        arrays = {key: file[key] for key in file.files}
    return json.loads(str(arrays.pop("facts"))), arrays


@pytest.fixture(scope="module")
def model(golden):
    """Ours on an encoder like the golden's, with its checkpoint, of which nothing is left over."""
    facts, _ = golden
    encoder = facts["encoder"]
    assert encoder["global_attn_indexes"] == [1, 3, 5, 7]  # the last block of each quarter
    sizes = {
        "channels": encoder["hidden_size"],
        "depth": encoder["num_hidden_layers"],
        "num_heads": encoder["num_attention_heads"],
    }
    body = replace(SAMViTBase16, config={**SAMViTBase16.config, **sizes})
    app = replace(SAMBase, backbone=None, plain=body)
    model = app(weights=None, input_shape=(facts["size"], facts["size"], 3))
    arrays = {name: fill(name, shape, facts["salt"]) for name, shape in facts["tensors"]}
    targets = _loading.targets_of(model)
    dialect = dialects.detect("segment_anything", list(arrays), set(targets), "golden", "sam")
    port.assign(model, dialect.translate(arrays, targets), source="golden")
    count = sum(int(np.prod(v.shape)) for v in port.variables_of(model).values())
    assert count == facts["parameters"]
    return model


def asked(golden, kind):
    """What `kapps.segment` is asked for one of the reference's answers."""
    facts, expected = golden
    prompts = {"points": expected["points"], "labels": expected["labels"]}
    if kind != "points":
        prompts["boxes"] = expected["box"]
    if kind == "mask":
        prompts["mask"] = expected["points_masks"][:, 0]
    return golden_input(facts["size"], 0), prompts


def test_equals_transformers(golden, model):
    """Both things at once, the image encoded once; the reference does one at a time."""
    _, expected = golden
    encoder, decoder = prompting._halves(model)
    image, _ = asked(golden, "points")
    embedding = np.repeat(encoder.predict_on_batch(image), 2, axis=0)
    for kind in ("points", "boxes", "mask"):
        _, prompts = asked(golden, kind)
        places, labels = prompting._prompts(
            *(prompts.get(k) for k in ("points", "labels", "boxes"))
        )
        mask = prompts.get("mask", np.zeros((2, 32, 32), "float32"))
        said = prompting._said(decoder, [embedding, places, labels, mask])
        for key in ("masks", "scores"):
            assert relative(said[key], expected[f"{kind}_{key}"]) <= 1e-4, (kind, key)
    image = np.repeat(image, 2, axis=0)
    whole = {"image": image, "points": places, "labels": labels, "mask": mask}
    together = model({k: keras.ops.convert_to_tensor(x) for k, x in whole.items()}, training=False)
    together = {key: keras.ops.convert_to_numpy(x) for key, x in together.items()}
    np.testing.assert_allclose(together["masks"], said["masks"], atol=1e-4)


def test_masks_of_a_photo_of_another_shape(golden, model, tmp_path):
    image, prompts = asked(golden, "boxes")
    photo = image[0, :96].repeat(2, axis=0).repeat(2, axis=1).astype("uint8")
    box = 2 * prompts["boxes"][0]
    found = kapps.segment(model, photo, boxes=box)
    assert found["masks"].shape == (1, 3, 192, 256) and found["masks"].dtype == bool
    assert found["logits"].shape == (1, 3, 32, 32) and found["scores"].shape == (1, 3)
    seen = prompting.embed(model, photo)
    assert seen.shown == (96, 128)
    # A mask of 32 pixels whose left half, and all of the border below the photo, are on it.
    logits = np.where(np.arange(32) < 16, 1, -1) * np.ones((32, 1))
    logits[24:] = 1
    mask = prompting._at_size(logits.astype("float32"), (128, 128), seen)
    assert mask[:180, :128].all() and not mask[:180, 128:].any()
    model.save(tmp_path / "sam.keras")
    loaded = keras.models.load_model(tmp_path / "sam.keras")
    of_file = kapps.segment(loaded, seen, boxes=box)
    np.testing.assert_array_equal(of_file["logits"], found["logits"])
    again = kapps.segment(model, seen, boxes=[box, box], points=np.zeros((2, 1, 2)) + box[:2])
    first = kapps.segment(model, seen, boxes=box)
    np.testing.assert_array_equal(first["logits"], found["logits"])
    assert again["masks"].shape == (2, 3, 192, 256)
    assert np.abs(again["logits"][0] - found["logits"][0]).max() > 1e-3


@pytest.mark.parametrize(
    ("prompts", "sentence"),
    [
        ({}, "neither points nor boxes are given"),
        ({"labels": [1], "boxes": [0, 0, 9, 9]}, "labels without points"),
        ({"points": [1, 2, 3]}, r"points have the shape \(3,\)"),
        ({"points": [[1, 2]], "labels": [4]}, "do not fit"),
        ({"points": [[1, 2]], "boxes": np.zeros((2, 4))}, "1 things have points and 2 have boxes"),
        ({"points": [[1, 2]], "mask": np.zeros((1, 8, 8))}, r"expected \(1, 32, 32\)"),
    ],
)
def test_prompts_that_do_not_fit(model, prompts, sentence):
    embedded = prompting.Embedded(np.zeros((1, 8, 8, 256), "float32"), (9, 9), 1.0, (9, 9))
    with pytest.raises(ValueError, match=sentence):
        kapps.segment(model, embedded, **prompts)


def test_only_what_takes_prompts():
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="takes no prompts; build one that does"):
        kapps.segment(plain, np.zeros((8, 8, 3)), points=[[1, 2]])
    with pytest.raises(ValueError, match="classes=7 has no effect on SAMBase"):
        SAMBase(weights=None, classes=7)


def test_the_numbers_of_the_paper_s_files():
    """transformers 5.24 counts 93,735,728, 256 of them directions, which do not train here."""
    facts = kapps.applications.facts("SAMBase")
    assert facts["params"] == 93735728 - 256
    assert kapps.applications.task_of("SAMHuge") == "prompting"
    assert kapps.list_models(task="prompting") == ["SAMBase", "SAMLarge", "SAMHuge"]
