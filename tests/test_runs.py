import dataclasses

import pytest

from kapps import runs
from kapps.cli.settings import setting
from kapps.errors import MissingFileError, RunError
from kapps.runs import resuming


@dataclasses.dataclass(frozen=True)
class Settings:
    out: str = setting()
    resume: bool = setting(False)
    epochs: int = setting(2)
    names: tuple[str, ...] = setting(("a", "b"))


def create(path, **changes):
    settings = Settings(str(path), **changes)
    return runs.Run.create(path, settings, "train", ["cat", "dög"], {"size": 8})


def test_open_says_what_is_wrong(tmp_path):
    with pytest.raises(MissingFileError, match="no run folder"):
        runs.Run.open(tmp_path / "nowhere")
    with pytest.raises(RunError, match="not a run folder"):
        runs.Run.open(tmp_path)


def test_labels_are_utf8_one_a_line(tmp_path):
    run = create(tmp_path / "run")
    assert run.labels == ["cat", "dög"]
    assert (run.path / "labels.txt").read_bytes() == "cat\ndög\n".encode()


def test_a_run_without_an_epoch_says_how_to_get_one(tmp_path):
    run = create(tmp_path / "run")
    for name in ("best", "last", "metrics"):
        with pytest.raises(RunError, match=r"kapps train --config .*settings\.yaml --resume"):
            getattr(run, name)


@pytest.mark.parametrize("resume", [False, True])
def test_nothing_is_written_over(tmp_path, resume):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="other files"):
        runs.resumable(Settings(str(other), resume=resume), "train")
    with pytest.raises(RunError, match="is a file"):
        runs.resumable(Settings(str(other / "thesis.txt"), resume=resume), "train")


def test_an_existing_run_is_continued_only_when_asked(tmp_path):
    create(tmp_path / "run")
    with pytest.raises(RunError, match="--resume"):
        runs.resumable(Settings(str(tmp_path / "run")), "train")
    run = runs.resumable(Settings(str(tmp_path / "run"), resume=True), "train")
    assert run.path == tmp_path / "run"


def test_resume_before_the_first_file_begins_anew(tmp_path):
    assert runs.resumable(Settings(str(tmp_path / "run"), resume=True), "train") is None
    (tmp_path / "empty").mkdir()
    assert runs.resumable(Settings(str(tmp_path / "empty")), "train") is None


@pytest.mark.parametrize(
    ("change", "key"), [({"epochs": 3}, "epochs=2, not 3"), ({"names": ("b",)}, "names=")]
)
def test_resume_with_changed_settings_names_the_key(tmp_path, change, key):
    create(tmp_path / "run")
    with pytest.raises(RunError, match=key):
        runs.resumable(Settings(str(tmp_path / "run"), resume=True, **change), "train")


def test_resume_by_another_job_or_backend_is_refused(tmp_path, monkeypatch):
    create(tmp_path / "run")
    settings = Settings(str(tmp_path / "run"), resume=True)
    with pytest.raises(RunError, match="kapps train"):
        runs.resumable(settings, "finetune")
    monkeypatch.setattr(resuming, "environment", lambda job: {"backend": "theano"})
    with pytest.raises(RunError, match="this is theano; resume with --backend"):
        runs.resumable(settings, "train")


ROWS = [
    {"stage": "head", "epoch": 1, "val_accuracy": 0.99, "val_loss": 0.1},
    {"stage": "head", "epoch": 2, "val_accuracy": 0.90, "val_loss": 0.2},
    {"stage": "finetune", "epoch": 1, "val_accuracy": 0.95, "val_loss": 0.3},
    {"stage": "finetune", "epoch": 2, "val_accuracy": 0.95, "val_loss": 0.2},
]


def test_best_row():
    accuracy = runs.Metric("accuracy")
    assert runs.best_row(ROWS, accuracy) is ROWS[0]
    assert runs.best_row(ROWS[1:], accuracy) is ROWS[3]  # equal accuracy, lower loss
    assert runs.best_row(ROWS, runs.Metric("accuracy", higher=False)) is ROWS[1]
    assert runs.best_row([], accuracy) is None
    plain = [{"stage": "train", "epoch": 1}, {"stage": "train", "epoch": 2}]
    assert runs.best_row(plain, accuracy) is plain[1]


def test_columns_are_those_of_the_task():
    accuracy, precision = runs.Metric("accuracy"), runs.Metric("map", trained=False)
    names = (*runs.COLUMNS, "loss", "accuracy", "val_loss", "val_accuracy", "val_map")
    assert runs.columns([accuracy, precision]) == names
    alone = runs.Metric("loss", higher=False)
    assert runs.columns([alone]) == (*runs.COLUMNS, "loss", "val_loss")


def test_a_run_of_an_earlier_version_means_what_it_meant(tmp_path):
    """Settings that did not exist then have their value of then, and others are not excused."""
    create(tmp_path / "run")

    @dataclasses.dataclass(frozen=True)
    class Later(Settings):
        momentum: float | None = setting(None, before=0.9)

    settings = Later(str(tmp_path / "run"), resume=True)
    begun = runs.as_begun(settings)
    assert begun.momentum == 0.9
    assert runs.resumable(begun, "train").path == tmp_path / "run"
    assert runs.as_begun(Later(str(tmp_path / "new"), resume=True)).momentum is None
    with pytest.raises(RunError, match="before there was the setting 'momentum', which is 0.5"):
        runs.as_begun(dataclasses.replace(settings, momentum=0.5))
    with pytest.raises(RunError, match="epochs=2, not 3"):
        runs.resumable(dataclasses.replace(begun, epochs=3), "train")
