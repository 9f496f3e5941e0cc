"""The search of settings; most of it on trainings that only say how good they would be."""

import math

import numpy as np
import pytest

from kapps.cli.settings import from_dict, read_yaml
from kapps.errors import KappsError
from kapps.recipes import _search, _search_page, finetune, train, tune

BEST_RATE = 0.004


@pytest.fixture(autouse=True)
def _small_forest(monkeypatch):
    """The page is written after each trial, and a forest takes longer than all trials here."""
    monkeypatch.setattr(_search_page, "TREES", 8)


@pytest.fixture
def settings(tmp_path):
    def make(**changes):
        values = {"model": "EfficientNetLite0", "data": "folder:photos", "trials": 12}
        return tune.Settings(**{**values, "out": str(tmp_path / "search"), **changes})

    return make


@pytest.fixture
def trained(monkeypatch):
    """What was asked of `finetune.run`, which is best at one learning rate and without decay."""
    seen = []

    def run(options, callbacks):
        seen.append(options)
        rate = options.learning_rate or 0.001
        value = math.exp(-abs(math.log(rate / BEST_RATE))) - (options.weight_decay or 0.0) / 10
        for epoch in range(4):
            for one in callbacks:
                one.on_epoch_end(epoch, {"val_accuracy": value * (epoch + 1) / 4})
        return {"best": {"val_accuracy": value}}

    monkeypatch.setattr(finetune, "run", run)
    return seen


def test_it_finds_what_is_best_and_says_how_to_train_with_it(settings, trained, tmp_path, capsys):
    result = tune.run(settings(trials=20, fixed=("batch_size=16",)))
    first = trained[0]
    assert (first.learning_rate, first.weight_decay, first.augment) == (0.001, 0.01, "default")
    assert (first.size, first.batch_size) == (224, 16)
    assert {options.size for options in trained} == {160, 192, 224}
    assert any(options.augment.startswith("default+randaugment:0.") for options in trained)
    assert BEST_RATE / 2 < result["best"]["learning_rate"] < BEST_RATE * 2
    assert result["trials"] == 20 and result["pruned"] > 2
    search = tmp_path / "search"
    values = read_yaml(search / "best.yaml")
    found = from_dict(finetune.Settings, values | {"out": "runs/photos"})
    assert found.learning_rate == result["best"]["learning_rate"] and found.batch_size == 16
    page = (search / "search.html").read_text()
    assert "ended early" in page and page.count("<svg") == 5
    said = capsys.readouterr()
    assert f"kapps finetune --config {search / 'best.yaml'}" in said.out
    assert "trial 1 (1 of 20): accuracy 24.90%: learning_rate 0.001" in said.err


def test_importance_is_that_of_what_changes_the_value(settings, trained, monkeypatch):
    tune.run(settings(trials=12, prune=False, search=("learning_rate", "size")))
    plan = _search.plan(settings(search=("learning_rate", "size"), prune=False))
    study = _search.open_study(settings(prune=False), plan)
    monkeypatch.undo()
    found = _search_page.importance(study, study.trials)
    assert found["learning_rate"] > 0.7


def test_a_search_goes_on(settings, trained, monkeypatch, capsys, tmp_path):
    """Killed in its third trial: that one is done again, all others are kept."""
    whole = finetune.run

    def dies(options, callbacks):
        if len(trained) == 2:
            trained.append(options)
            raise KeyboardInterrupt
        return whole(options, callbacks)

    monkeypatch.setattr(finetune, "run", dies)
    with pytest.raises(KeyboardInterrupt):
        tune.run(settings(prune=False))
    assert "--resume" in capsys.readouterr().err
    monkeypatch.setattr(finetune, "run", whole)
    with pytest.raises(KappsError, match="holds a search; add --resume"):
        tune.run(settings(prune=False))
    result = tune.run(settings(prune=False, resume=True, trials=5))
    assert result["trials"] == 5 and len(trained) == 6
    again = [(t.learning_rate, t.weight_decay, t.augment, t.size) for t in trained]
    assert again[2] == again[3] and len(set(again)) == 5
    assert "<b>5</b><span>trials</span>" in (tmp_path / "search" / "search.html").read_text()
    assert tune.run(settings(prune=False, resume=True, trials=6))["trials"] == 6
    with pytest.raises(KappsError, match="begun with seed=0, not 1"):
        tune.run(settings(prune=False, resume=True, seed=1))


def test_a_trial_that_fails_is_passed_over_but_not_the_first(
    settings, trained, monkeypatch, capsys
):
    whole = finetune.run

    def run(options, callbacks):
        if fails(options):
            raise ValueError("the rate is too high.")
        return whole(options, callbacks)

    monkeypatch.setattr(finetune, "run", run)
    fails = lambda options: options.learning_rate != 0.001  # noqa: E731
    assert tune.run(settings(trials=3))["value"] == pytest.approx(0.249)
    assert "failed: the rate is too high." in capsys.readouterr().err
    fails = lambda options: True  # noqa: E731
    with pytest.raises(ValueError, match="too high"):
        tune.run(settings(out=str(settings().out) + "2"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trials": 0}, "trials=0 is out of range"),
        ({"search": ()}, "search is empty"),
        ({"sizes": (32, 64), "search": ("augment",)}, "where size is not searched"),
        ({"fixed": ("epochs",)}, "'epochs' is not name=value"),
        ({"fixed": ("epocs=3",)}, "did you mean 'epochs'"),
        ({"fixed": ("learning_rate=0.1",)}, "which is searched"),
        ({"fixed": ("hosts=auto",)}, "no setting of one trial"),
        ({"fixed": ("validation=0",)}, "validation=0 leaves none"),
    ],
)
def test_what_does_not_fit_is_a_sentence(settings, changes, words):
    with pytest.raises(ValueError, match=words):
        tune.run(settings(**changes))


def test_real_trainings(tmp_path):
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = random.integers(0, 99, (60, 28, 28, 1)) + 70 * labels[:, None, None, None]
    np.savez(tmp_path / "made.npz", images=images.astype("uint8"), labels=labels)
    fixed = ("epochs=2", "batch_size=16", "augment=none", "tensorboard=no")
    search = tmp_path / "search"
    made = tune.Settings(
        model="LeNet1", data=f"npz:{tmp_path / 'made.npz'}", out=str(search), job="train",
        trials=2, search=("learning_rate",), fixed=fixed,
    )  # fmt: skip
    result = tune.run(made)
    assert result["trials"] == 2
    runs = sorted((search / "trials").iterdir())
    assert [(run / "report.html").exists() for run in runs] == [True, True]
    assert sum((run / "best.keras").exists() for run in runs) == 1
    assert not any((run / "backup").exists() for run in runs)
    values = read_yaml(search / "best.yaml") | {"out": str(tmp_path / "run")}
    again = train.run(from_dict(train.Settings, values))
    assert again["best"]["val_accuracy"] == pytest.approx(result["value"])
