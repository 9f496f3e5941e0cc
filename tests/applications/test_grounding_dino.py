"""Grounding DINO: names of its files, numbers of the reference, and Swin as detectors have it."""

import dataclasses

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import _heads, get
from kapps.applications.swin import windows_of
from kapps.layers.token_windows import Unwindows, Windows
from kapps.weights import catalog, dialects

NAMES = ["cat", "remote control", "dog"]
RNG = np.random.default_rng(0)
ENDS = RNG.normal(size=(2, 1, 768)).astype("float32")  # [CLS] and [SEP]
WORDS = {
    name: np.concatenate([ENDS[0], RNG.normal(size=(count, 768)).astype("float32"), ENDS[1]])
    for name, count in zip(NAMES, (2, 3, 2), strict=True)
}
DIALECT = dialects.find("grounding_dino", "transformers", "swin")
BODY = "model.backbone.conv_encoder.model."


def encoder(names):
    return [WORDS[name] for name in names]


@pytest.fixture(scope="module")
def tiny():
    """A small network that looks for three things."""
    keras.utils.set_random_seed(0)
    app = get("GroundingDINOSwinT")
    body = get("SwinTiny")
    small = {"channels": 8, "depths": (1, 1, 1, 1), "heads": (1, 1, 2, 2)}
    app = dataclasses.replace(
        app,
        name="GroundingDINOTiny",
        backbone=None,
        plain=dataclasses.replace(body, config={**body.config, **small}),
        config={**app.config, "queries": 8, "blocks": 1},
        min_size=32,
    )
    with pytest.MonkeyPatch.context() as patch:
        known = {app.name: app}
        patch.setattr(_heads._registry, "get", lambda name: known.get(name) or get(name))
        model = app(input_shape=(64, 64, 3), classes=1, tokens=12, weights=None)
        assert model.get_layer("vocabulary").is_empty
        yield kapps.set_vocabulary(model, NAMES, encoder)


def said(model):
    image = np.random.default_rng(3).integers(0, 256, (1, 64, 64, 3), dtype="uint8")
    found = model(image, training=False)
    return {key: keras.ops.convert_to_numpy(value) for key, value in found.items()}


def test_phrases_in_another_order_have_their_scores_in_that_order(tiny):
    """No phrase sees another, and how the text is read by the image has no order."""
    order = [2, 0, 1]
    names = [NAMES[i] for i in order]
    other = kapps.set_vocabulary(tiny, names, encoder)
    assert kapps.layers.spec_of(other)["labels"] == names
    before, after = said(tiny), said(other)
    np.testing.assert_allclose(after["scores"], before["scores"][..., order], atol=1e-5)
    np.testing.assert_allclose(after["boxes"], before["boxes"], atol=1e-2)
    assert np.abs(np.diff(before["scores"], axis=-1)).max() > 1e-3
    with pytest.raises(ValueError, match="12 names are 38 tokens, and there is room for 12"):
        kapps.set_vocabulary(tiny, list("abcdefghijkl"), [WORDS["remote control"]] * 12)


def test_a_file_has_the_phrases_and_what_bert_says(tiny, tmp_path):
    tiny.save(tmp_path / "text.keras")
    again = keras.models.load_model(tmp_path / "text.keras")
    for key, value in said(again).items():
        np.testing.assert_array_equal(value, said(tiny)[key])
    assert kapps.layers.spec_of(again)["labels"] == NAMES
    states, phrases = again.get_layer("vocabulary").get_weights()
    np.testing.assert_array_equal(states[3:6], WORDS["remote control"][1:4])
    assert phrases.tolist() == [[1, 2], [3, 5], [6, 7]]


def test_the_names_of_its_files_and_of_the_library():
    """Files keep the names of their time; newer versions of transformers say others in memory."""
    block = "encoder.layers.2.blocks.5."
    names = {
        f"{BODY}embeddings.patch_embeddings.projection.bias": "stem_conv/bias",
        f"{BODY}swin.{block}attention.o_proj.bias": "stage3_block6_attention_project/bias",
        f"{BODY}{block}attention.output.dense.bias": "stage3_block6_attention_project/bias",
        f"{BODY}{block}output.dense.bias": "stage3_block6_mlp_project/bias",
        f"{BODY}swin.{block}mlp.fc1.bias": "stage3_block6_mlp_expand/bias",
        f"{BODY}encoder.layers.0.downsample.reduction.bias": "stage2_downsample_project/bias",
        f"{BODY}hidden_states_norms.stage2.bias": "neck_norm3/bias",
        "model.input_proj_vision.3.0.bias": "neck_input6_conv/bias",
        "model.encoder.layers.5.fusion_layer.text_param": "neck_block6_fusion_text_scale/gamma",
        "model.encoder.layers.0.text_enhancer_layer.fc1.bias": "neck_block1_text_mlp_expand/bias",
        "model.decoder.layers.1.encoder_attn_text.out_proj.bias": "head_block2_text_project/bias",
        "model.decoder.layers.1.encoder_attn.value_proj.bias": "head_block2_cross_value/bias",
        "model.decoder.bbox_embed.4.layers.2.bias": "head_box_3/bias",
        "bbox_embed.0.layers.2.bias": "head_box_3/bias",
        "model.text_backbone.encoder.layer.0.output.dense.bias": None,
        f"{BODY}{block}attention.self.relative_position_index": None,
    }
    for name, ours in names.items():
        assert DIALECT.knows(name, set())
        assert list(DIALECT.translate({name: np.zeros(1)}, {})) == ([ours] if ours else [])


@pytest.mark.parametrize("parts", [("self.query", "self.key", "self.value"), ("q_proj", "k_proj")])
def test_queries_keys_and_values_of_the_backbone_are_one_product(parts):
    block = f"{BODY}encoder.layers.0.blocks.1.attention."
    arrays = {f"{block}{part}.bias": np.full(2, i) for i, part in enumerate(parts)}
    found = DIALECT.translate(arrays, {})
    if len(parts) == 3:
        assert {k: v.tolist() for k, v in found.items()} == {
            "stage1_block2_attention_qkv/bias": [0, 0, 1, 1, 2, 2]
        }
    else:  # a file without the values, of which loading says that these have no place
        assert sorted(found) == [f"stage1_block2_attention_{p}/bias" for p in ("k_proj", "q_proj")]


def test_the_numbers_of_the_reference():
    """transformers 5.24: of 172,250,626 parameters 108,891,648 are BERT's, and 1,536 of a norm
    that nothing reads; table 2 of the paper.
    """
    params = kapps.applications.facts("GroundingDINOSwinT")["params"]
    assert params == 172250626 - 108891648 - 1536
    rows = [c for c in catalog.CHECKPOINTS if c.application.startswith("GroundingDINO")]
    assert [(c.url, c.licence, c.metrics) for c in rows] == [
        ("hf://IDEA-Research/grounding-dino-tiny", "Apache-2.0", (("box mAP", 0.484),)),
        ("hf://IDEA-Research/grounding-dino-base", "Apache-2.0", (("box mAP", 0.567),)),
    ]


def test_windows_of_detectors_are_whole_and_padded_before_they_are_shifted():
    assert windows_of((4, 9), 7, 2) == ((4, 7), (0, 3))
    assert windows_of((4, 9), 7, 2, "padded") == ((7, 7), (0, 3))
    assert windows_of((4, 9), 7, 2, "shifted") == ((7, 7), (3, 3))
    assert windows_of((4, 9), 7, 1, "shifted") == ((7, 7), (0, 0))
    x = np.arange(1.0, 6.0, dtype="float32").reshape(1, 5, 1)
    row = {"grid": (1, 5), "window": (1, 3), "shift": (0, 1)}
    first, last = Windows(**row, pad_first=True), Windows(**row)
    assert np.reshape(first(x), -1).tolist() == [2, 3, 4, 5, 0, 1]
    assert np.reshape(last(x), -1).tolist() == [2, 3, 4, 5, 1, 0]
    np.testing.assert_array_equal(Unwindows(**row, pad_first=True)(first(x)), x)
    body = kapps.applications.get("SwinTiny")
    assert "windows" not in body.config  # classifiers have timm's
    app = kapps.applications.get("GroundingDINOSwinT")
    assert app.adapt(body) != body
    assert dataclasses.asdict(app)["config"]["queries"] == 900
