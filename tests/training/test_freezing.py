import keras
import numpy as np
import pytest

from kapps.training import engine, freezing

ALL = ("stage1_conv", "stage2_conv", "predictions")


@pytest.mark.parametrize(
    ("what", "trained"),
    [
        ("all", ALL),
        ("none", ALL[2:]),
        ("1.0", ALL),
        ("0.6", ALL[1:]),  # 3 of 5 layers with weights: predictions, stage2_norm, stage2_conv
        ("0.01", ALL[2:]),
        ("stage2", ALL[1:]),
        ("stage2_conv", ALL[1:]),
        ("predictions", ALL[2:]),
    ],
)
def test_what_trains(make_model, what, trained):
    model = make_model()
    frozen = freezing.unfreeze(model, what)
    assert frozen.trained == trained
    assert frozen.frozen == ALL[: -len(trained)]
    assert frozen.norms == ("stage1_norm", "stage2_norm")
    names = {v.path.split("/")[-2] for v in model.trainable_variables}
    assert names == set(trained)
    assert frozen.trained_parameters == sum(np.prod(v.shape) for v in model.trainable_variables)
    assert f"{frozen.trained_parameters:,} of {model.count_params():,}" in str(frozen)


def test_norms_train_when_asked(make_model):
    frozen = freezing.unfreeze(make_model(), "stage2", train_norms=True)
    assert frozen.trained == ("stage2_conv", "stage2_norm", "predictions")
    assert frozen.norms == ("stage1_norm",)


def test_layers_of_a_nested_model_count_too(make_model):
    inner = make_model()
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Dense(2, name="last")(inner(image)))
    assert freezing.unfreeze(model, "predictions").trained == ("predictions", "last")


@pytest.mark.parametrize("what", ["stage9", "0", "1.5", "-1", "most"])
def test_another_word_is_refused(make_model, what):
    with pytest.raises(ValueError, match=r"unfreeze=.*none"):
        freezing.unfreeze(make_model(), what)


@pytest.mark.contract
def test_frozen_norms_keep_their_statistics_in_fit(make_model, spots):
    """BatchNorm in inference mode: neither its statistics nor gamma and beta move."""
    model = make_model()
    freezing.unfreeze(model, "all")
    before = {v.path: np.array(v) for v in model.weights}
    engine.fit(model, spots, None, engine.Plan("train", 1, 0.01))
    for variable in model.weights:
        moved = not np.array_equal(before[variable.path], np.array(variable))
        assert moved == ("norm" not in variable.path), variable.path


def test_the_stages_above_a_line_come_from_the_top(make_model):
    assert freezing.stages_above(make_model(), "all") == ["stage2", "stage1"]
    assert freezing.stages_above(make_model(), "stage2") == ["stage2"]
    assert freezing.stages_above(make_model(), "none") == []
