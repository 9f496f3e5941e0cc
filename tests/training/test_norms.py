import keras
import numpy as np
import pytest

from kapps.tasks.classification import Classification
from kapps.training import engine, norms


def test_what_an_epoch_begins_with_is_forgotten_at_its_end():
    """Of the mean 0 and the variance 1 of before, less than a hundredth is left after an epoch."""
    for steps in (10, 20, 100, 1250, 40_000):
        for own in (0.9, 0.99, 0.999):
            momentum = norms.automatic(own, steps)
            assert momentum <= own
            assert momentum**steps < 0.01
    assert norms.automatic(0.999, 1250) == pytest.approx(1 - 10 / 1250)
    assert norms.automatic(0.99, 40_000) == 0.99
    assert norms.automatic(0.99, 1) == 0.5
    assert norms.automatic(0.3, 10) == 0.3


@pytest.mark.parametrize(("word", "expected"), [("own", 0.99), ("auto", 0.5), ("0.7", 0.7)])
def test_statistics_follow_the_momentum(make_model, spots, word, expected):
    """The network judges by mean and variance that were averaged with this momentum."""
    model = make_model()
    plan = engine.Plan("train", 1, 0.01, optimizer="sgd", norm_momentum=word)
    engine.compile_for(model, plan, spots.steps, Classification())
    layer = model.get_layer("stage1_norm")
    assert layer.momentum == pytest.approx(expected)
    images, labels = next(iter(spots.epoch(0)))
    below = keras.Model(model.input, layer.input)
    mean = np.asarray(below(images)).mean((0, 1, 2))
    model.train_on_batch(images, labels)
    np.testing.assert_allclose(np.array(layer.moving_mean), (1 - expected) * mean, atol=1e-4)


def test_a_run_from_before_this_setting_keeps_its_norms(tmp_path):
    """Its settings.yaml does not name it, and it trained with the network's own."""
    from kapps import runs
    from kapps.cli.settings import to_yaml
    from kapps.recipes import finetune, train

    for job in (train, finetune):
        out = tmp_path / job.__name__
        given = {"model": "LeNet5", "data": "digits", "out": str(out), "resume": True}
        settings = job.Settings(**given)
        to_yaml(settings, out / "settings.yaml")
        lines = (out / "settings.yaml").read_text().splitlines(keepends=True)
        new = ("norm_momentum", "schedule", "nesterov", "lookahead", "decay_epochs", "initializer")
        (out / "settings.yaml").write_text("".join(x for x in lines if not x.startswith(new)))
        begun = runs.as_begun(settings)
        assert begun.norm_momentum == "own"
        assert (begun.schedule, begun.decay_epochs, begun.lookahead) == ("cosine", (), 0)


@pytest.mark.parametrize("word", ["automatic", "1", "-0.1"])
def test_other_words_are_refused(word):
    with pytest.raises(ValueError, match="auto, own, or a number"):
        norms.check(word)
