"""What a network of pictures knows of a text, and places as sines, by their formulas."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kapps.layers import (
    CoordinateSines,
    CrossAttention,
    MapPlaces,
    PhraseLogits,
    PhraseVocabulary,
    TokenLogits,
)
from kapps.layers.phrases import NEVER

END = np.ones((1, 2), "float32")  # [CLS] and [SEP]
SAID = [np.concatenate([END, np.full((n, 2), n, "float32"), END]) for n in (2, 3)]
PADDED = np.concatenate([SAID[0], np.full((1, 2), np.nan)])  # cat, as long as remote control


def vocabulary(tokens=9):
    layer = PhraseVocabulary(2, tokens, 2, "grounding-dino")
    layer.build((None, 4))
    assert layer.is_empty
    layer.set_weights(layer.values(["cat", "remote control"], [PADDED, SAID[1]]))
    return layer


def test_tokens_see_their_phrase_and_count_from_its_beginning():
    """`generate_masks_with_special_tokens_and_transfer_map` of transformers for this text."""
    layer = vocabulary()
    words = {key: ops.convert_to_numpy(x) for key, x in layer(ops.zeros((3, 4))).items()}
    assert words["states"].shape == (3, 9, 2)
    assert words["states"][1, :, 0].tolist() == [1, 2, 2, 3, 3, 3, 1, 0, 0]
    blocks = np.repeat([0, 1, 2, 3], [1, 2, 3, 1])
    sees = words["within"][0, :7, :7] == 0
    np.testing.assert_array_equal(sees, blocks[:, None] == blocks)
    assert (words["within"][0, :7, 7:] == NEVER).all()
    assert words["places"][0, :7, 0].tolist() == [0, 0, 1, 0, 1, 2, 0]
    assert (words["present"][0, 0] == 0).tolist() == [True] * 7 + [False] * 2
    assert words["phrases"].tolist() == [0, 1, 0, 2, 2, 0, 0, 0, 0]
    assert not layer.trainable_weights and not layer.is_empty


def test_a_phrase_is_as_likely_as_its_best_word():
    words = vocabulary()(ops.zeros((1, 4)))
    logits = np.arange(18, dtype="float32").reshape(1, 2, 9)
    logits[0, 0, 3] = 40
    said = PhraseLogits(3)([ops.convert_to_tensor(logits), words["phrases"]])
    # The third phrase has no words.
    np.testing.assert_array_equal(said, [[[1, 40, NEVER], [10, 13, NEVER]]])


def test_it_is_saved_with_its_text(tmp_path):
    inputs = keras.Input((5, 2))
    layer = PhraseVocabulary(2, 8, 2, "grounding-dino")
    words = layer(inputs)
    logits = TokenLogits()([inputs, words["states"], words["present"]])
    model = keras.Model(inputs, PhraseLogits(2)([logits, words["phrases"]]))
    layer.set_weights(layer.values(["cat", "remote control"], SAID))
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    said = model.predict(x, verbose=0)
    np.testing.assert_allclose(said, x.sum(-1, keepdims=True) * [[2, 3]], rtol=1e-5)
    model.save(tmp_path / "text.keras")
    again = keras.models.load_model(tmp_path / "text.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), said)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (SAID[:1], r"what the encoder says of 2 names has the shapes \[\(4, 2\)\]; expected"),
        ([SAID[0], SAID[1][:3]], r"for each \(tokens, 2\): of \[CLS\], the name"),
        ([SAID[0], np.ones((8, 2))], "2 names are 10 tokens, and there is room for 9"),
        ([SAID[0], SAID[1] * [1, np.inf]], "not finite"),
    ],
)
def test_what_an_encoder_cannot_say(said, sentence):
    with pytest.raises(ValueError, match=sentence):
        vocabulary().values(["cat", "remote control"], said)


def test_boxes_as_sines():
    """DAB-DETR, section 4.2: 2 pi x / 10000^(2i / channels), y before x."""
    box = np.float32([[[0.1, 0.7, 0.3, 0.9]]])
    got = ops.convert_to_numpy(CoordinateSines(6)(ops.convert_to_tensor(box)))[0, 0]
    expected = [
        wave(2 * math.pi * value / 10000 ** (2 * i / 6))
        for value in (0.7, 0.1, 0.3, 0.9)
        for i in range(3)
        for wave in (math.sin, math.cos)
    ]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_places_of_several_maps_begin_anew_in_each():
    layer = MapPlaces(((2, 3), (1, 2)), temperature=20.0)
    layer.build((None, 8, 4))
    layer.set_weights([np.float32([[0] * 4, [5] * 4])])
    got = ops.convert_to_numpy(layer(ops.zeros((1, 8, 4))))[0]
    # The fifth token: row 2 of 2, column 2 of 3; the last one: the end of a map of its own.
    angles = 2 * math.pi, 2 * math.pi * 2 / 3
    expected = [f(a) for a in angles for f in (math.sin, math.cos)]
    np.testing.assert_allclose(got[4], expected, atol=1e-5)
    np.testing.assert_allclose(got[7], [5, 6, 5, 6], atol=1e-5)


def test_what_is_masked_is_not_looked_at():
    rng = np.random.default_rng(0)
    query, key, value = (rng.normal(size=(2, n, 4)).astype("float32") for n in (3, 5, 5))
    layer = CrossAttention(2)
    mask = np.where(np.arange(5) < 2, 0, NEVER).astype("float32")[None, None]
    tensors = map(ops.convert_to_tensor, (query, key, value, mask))
    seen = map(ops.convert_to_tensor, (query, key[:, :2], value[:, :2]))
    np.testing.assert_allclose(layer(list(tensors)), layer(list(seen)), atol=1e-6)
