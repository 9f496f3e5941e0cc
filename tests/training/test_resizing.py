"""Progressive resizing, and networks that train at one size and answer at another."""

import dataclasses

import keras
import numpy as np
import pytest

from kapps import runs
from kapps.data import augment, strengths
from kapps.errors import SettingsError
from kapps.layers import Blocks, Network
from kapps.training import engine, resizing


def test_the_stages_are_those_of_the_papers_algorithm():
    """EfficientNetV2-S, table 6: 128 to 300 pixels, RandAugment 5 to 15, Dropout 0.1 to 0.3."""
    found = resizing.stages(128, 300, 4, 350, 1 / 3)
    exact = [128 + (300 - 128) * i / 3 for i in range(4)]
    sizes = [stage.size for stage in found]
    assert (sizes[0], sizes[-1]) == (128, 300)
    assert all(abs(a - b) <= 2 and a % 4 == 0 for a, b in zip(sizes, exact, strict=True))
    assert [15 * stage.strength for stage in found] == pytest.approx([5, 25 / 3, 35 / 3, 15])
    assert [0.3 * stage.strength for stage in found] == pytest.approx([0.1, 0.5 / 3, 0.7 / 3, 0.3])
    assert [stage.begin for stage in found] == [0, 88, 175, 262]  # "about 87 epochs per stage"
    assert [stage.end for stage in found] == [88, 175, 262, 350]
    assert [stage.size for stage in resizing.stages(128, 224, 4, 4, 1.0)] == [128, 160, 192, 224]


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ((224, 224, 4, 8, 1.0), "progressive=224 does not grow to size=224"),
        ((112, 224, 4, 8, 1.0), "the sizes are 112, 112, 224, 224; use fewer stages"),
        ((128, 224, 4, 3, 1.0), "progressive_stages=4 is out of range; use 2 up to the 3"),
        ((128, 224, 4, 8, 1.5), "progressive_strength=1.5 is out of range"),
    ],
)
def test_stages_that_cannot_be(how, sentence):
    with pytest.raises(ValueError, match=sentence):
        resizing.stages(*how)


def test_sizes_by_chance_cover_all_epochs_and_end_with_the_largest():
    found = resizing.drawn((32, 48, 64), 2, 41, seed=1)
    assert found == resizing.drawn((32, 48, 64), 2, 41, seed=1)
    assert found != resizing.drawn((32, 48, 64), 2, 41, seed=2)
    assert [stage.begin for stage in found[1:]] == [stage.end for stage in found[:-1]]
    assert (found[0].begin, found[-1].end, found[-1].size) == (0, 41, 64)
    assert all(one.size != other.size for one, other in zip(found, found[1:], strict=False))
    assert {stage.size for stage in found} == {32, 48, 64}
    assert len({stage.name for stage in found}) == len(found)
    for sizes, every, sentence in (
        ((32,), 1, "sizes=32 is no list"),
        ((32, 48), 0, "size_epochs=0"),
    ):
        with pytest.raises(ValueError, match=sentence):
            resizing.drawn(sizes, every, 4, 0)


def test_a_policy_and_a_mix_become_weaker():
    words = "crop:0.08+flip+randaugment(magnitude=0.6)+jitter(hue=0.2)+erase"
    policy = augment.policy(words)
    steps = {step.name: step.change.keywords for step in strengths.weaker(policy, 0.5).steps}
    assert steps["randaugment"] == {"magnitude": 0.3}
    assert steps["jitter"] == {"strength": 0.2, "hue": 0.1}
    assert steps["erase"] == {"probability": 0.125}
    assert strengths.weaker(policy, 1.0).cut == policy.cut
    assert strengths.weaker_mix("mixup:0.8+cutmix+share:0.5", 0.25) == (
        "mixup:0.2+cutmix:0.25+share:0.5"
    )
    assert strengths.weaker_mix("mixup", 0.0) is None


def tokens(size: int):
    """A small transformer for pictures of that size, in patches of 4."""
    keras.utils.set_random_seed(size)
    nn = Blocks()
    image = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    grid = nn.grid(x, 4)
    x = nn.patch_embed(x, 8, 4, name="stem")
    x = nn.position_embedding(x, grid, name="position_embedding")
    x = nn.encoder(x, 1, 2, 16)
    x = nn.token_pool(x, "avg", 0, name="avg_pool")
    return Network(image, nn.dense(x, 3, name="predictions"))


def test_weights_go_over_and_tables_are_interpolated():
    small, large = tokens(8), tokens(16)
    table = small.get_layer("position_embedding").embedding
    table.assign(np.broadcast_to(np.arange(8, dtype="float32"), table.shape))
    resizing.take_over(large, small)
    found = large.get_layer("position_embedding").embedding
    assert found.shape == (1, 16, 8)  # a table that is the same everywhere stays so
    np.testing.assert_allclose(found, np.broadcast_to(np.arange(8), found.shape), atol=1e-5)
    for layer in ("stem_conv", "stage1_block1_mlp_expand", "predictions"):
        for old, new in zip(
            small.get_layer(layer).weights, large.get_layer(layer).weights, strict=True
        ):
            np.testing.assert_array_equal(old, new)
    fit = resizing.fitter(large)
    random = np.random.default_rng(0).normal(size=(1, 4, 8)).astype("float32")
    expected = large.get_layer("position_embedding").adapted(random)
    np.testing.assert_array_equal(fit(random, (1, 16, 8)), expected)
    assert fit(random**2, (1, 16, 8)).min() >= 0  # as Adam's squares must be


def test_a_network_with_weights_for_each_pixel_says_so():
    def flat(size):
        image = keras.Input((size, size, 3))
        x = keras.layers.Dense(3)(keras.layers.Flatten()(image))
        return keras.Model(image, x, name="flat")

    with pytest.raises(SettingsError, match="flat has weights of shape .768, 3. .* one size only"):
        resizing.take_over(flat(16), flat(8))


@dataclasses.dataclass
class Settings:
    out: str
    resume: bool = False
    tensorboard: bool = False


@pytest.fixture
def run(tmp_path):
    settings = Settings(str(tmp_path / "run"))
    return runs.Run.create(settings.out, settings, "train", ["a", "b", "c"], {"size": 8})


@pytest.mark.contract
def test_a_training_in_two_parts_is_the_same_training(make_model, make_spots, run):
    """At one size, all that one network hands over to the next shows: moments, averages, seeds,
    the course of the learning rate, BatchNorm's statistics."""
    how = {"ema": 0.9, "warmup_epochs": 1.0, "optimizer": "adamw", "weight_decay": 0.01, "seed": 3}
    whole = engine.fit(
        make_model(), make_spots(), make_spots(), engine.Plan("train", 4, 0.02, **how)
    )
    rows, after = [], None
    for name, begin, end in (("size8", 0, 2), ("size16", 2, 4)):
        model = make_model()
        plan = engine.Plan(name, 4, 0.02, begin=begin, end=end, after=after, **how)
        rows = engine.fit(model, make_spots(), make_spots(), plan, run=run, history=rows)
        after = name
    assert [row["stage"] for row in rows] == ["size8"] * 2 + ["size16"] * 2
    for one, other in zip(whole, rows, strict=True):
        for name in ("epoch", "learning_rate", "loss", "accuracy", "val_loss"):
            assert other[name] == pytest.approx(one[name], rel=1e-5), name


def test_a_table_grows_in_a_training_with_averages(make_spots, run):
    class Larger:
        batch_size, steps = 8, 5

        def epoch(self, number):
            for images, labels in make_spots().epoch(number):
                yield images.repeat(2, axis=1).repeat(2, axis=2), labels

    rows, after = [], None
    whole = tokens(16)
    for size, data, begin in ((8, make_spots(), 0), (16, Larger(), 4)):
        model = tokens(size)
        model = Network(model.input, keras.layers.Softmax()(model.output), name="tokens")
        plan = engine.Plan(f"size{size}", 8, 0.02, begin=begin, end=begin + 4, after=after, ema=0.5)
        rows = engine.fit(model, data, None, plan, run=run, history=rows)
        after = plan.stage
    losses = [row["loss"] for row in rows]
    # Where the second begins it knows what the first has learnt, and goes on.
    assert losses[4] < 0.8 * losses[0] and losses[7] < losses[3]
    resizing.take_over(whole, model)
