"""Where maps meet names: the paper's formulas, place by place."""

import keras
import numpy as np
import pytest

from kapps.layers import MaxSigmoidGate, MaxTokens, NameLogits

RNG = np.random.default_rng(5)
MAP = RNG.normal(size=(2, 3, 4, 6)).astype("float32")
VALUES = RNG.normal(size=MAP.shape).astype("float32")
NAMES = RNG.normal(size=(2, 5, 6)).astype("float32")


def said(layer, *inputs):
    return keras.ops.convert_to_numpy(layer(list(inputs) if len(inputs) > 1 else inputs[0]))


def in_both_formats(make, *maps, names=()):
    """What a layer says of maps, whichever axis their channels are, and the one whose are last."""
    last, first = make("channels_last"), make("channels_first")
    found = said(last, *maps, *names)
    turned = [x.transpose(0, 3, 1, 2) for x in maps]
    said(first, *turned, *names)
    first.set_weights(last.get_weights())
    other = said(first, *turned, *names)
    if found.ndim == 4:
        other = other.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(other, found, atol=1e-5)
    return found


def test_the_gate_is_the_sigmoid_of_the_name_that_fits_best_in_each_head():
    def make(data_format):
        layer = MaxSigmoidGate(2, data_format)
        layer.build([MAP.shape] * 2 + [NAMES.shape])
        layer.set_weights([np.array([0.5, -1.0], "float32")])
        return layer

    found = in_both_formats(make, VALUES, MAP, names=[NAMES])
    for place in np.ndindex(2, 3, 4):
        for head, bias in enumerate((0.5, -1.0)):
            part = slice(3 * head, 3 * head + 3)
            best = max(MAP[place][part] @ name[part] for name in NAMES[place[0]])
            gate = 1 / (1 + np.exp(-(best / np.sqrt(3) + bias)))
            assert found[place][part] == pytest.approx(VALUES[place][part] * gate, abs=1e-5)


def test_windows_overlap_where_they_do_not_divide_the_map():
    found = in_both_formats(lambda data_format: MaxTokens(3, data_format), MAP)
    assert found.shape == (2, 9, 6)
    # Columns of torch's AdaptiveMaxPool2d of 4 to 3: 0 and 1, 1 and 2, 2 and 3.
    for token, (row, start) in enumerate(np.ndindex(3, 3)):
        np.testing.assert_array_equal(found[:, token], MAP[:, row, start : start + 2].max(axis=1))


@pytest.mark.parametrize("normalized", [True, False])
def test_logits_are_cosines_with_a_scale_and_a_bias(normalized):
    found = in_both_formats(
        lambda data_format: NameLogits(np.log(4.0), -0.5, normalized, data_format),
        MAP,
        names=[NAMES],
    )
    x = MAP / np.linalg.norm(MAP, axis=-1, keepdims=True) if normalized else MAP
    names = NAMES / np.linalg.norm(NAMES, axis=-1, keepdims=True)
    expected = 4 * np.einsum("bhwc,bnc->bhwn", x, names) - 0.5
    np.testing.assert_allclose(found, expected, atol=1e-5)
