"""Search the settings of a training with Optuna: learning rate, decay, augmentation, size.

kapps tune EfficientNetLite0 --data folder:photos --trials 20 --out runs/search
kapps finetune --config runs/search/best.yaml --out runs/photos

Each trial is a training of its own; one that is worse than the others after as many epochs ends
early. The first has the settings of kapps finetune, so what is found is never worse than those. The
folder has best.yaml, search.html with all trials, and what --resume needs.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting
from kapps.errors import RunError, SettingsError

SEARCHED = ("learning_rate", "weight_decay", "augment", "size")
SETTINGS, JOURNAL, BEST, PAGE = "search.yaml", "journal.log", "best.yaml", "search.html"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What `kapps tune` can be told."""

    model: str = setting(
        help="application, .keras file or run folder", positional=True, metavar="MODEL"
    )
    data: str = setting(help="images, as kapps finetune takes them", metavar="DATA")
    out: str = setting(help="folder of the search", metavar="FOLDER")
    job: str = setting("finetune", "what a trial is", choices=("finetune", "train"))
    trials: int = setting(20, "trainings in all")
    search: tuple[str, ...] = setting(SEARCHED, "what is searched", choices=SEARCHED)
    sizes: tuple[int, ...] = setting(
        (), "to choose from; by default 5/7, 6/7 and all of the application's"
    )
    fixed: tuple[str, ...] = setting(
        (), "settings of the job that stay, such as epochs=10,batch_size=16"
    )
    base: str | None = setting(
        None,
        "settings of the job to begin from: a file, or a name of kapps recipes",
        metavar="YAML",
    )
    prune: bool = setting(True, "end a trial early that is worse than half of the others")
    resume: bool = setting(False, "continue the search in that folder")
    seed: int = setting(0, "of the search; that of the trainings is fixed=seed=1")


def run(settings: Settings) -> dict:
    """Search, and leave a folder with the best settings, a page, and a run folder for each trial.

    Returns:
        {"best": the settings found, "value": the metric of the best trial, "metric": its name,
        "trials": how many are done, "pruned": how many of them ended early}.

    Raises:
        KappsError, ValueError: the settings do not fit together, Optuna is missing, or the first
            trial fails.
        KeyboardInterrupt: Ctrl-C; the search can be continued.
    """
    from kapps.recipes import _search
    from kapps.training.progress import say

    _check(settings)
    plan = _search.plan(settings)
    _begin(settings)
    study = _search.open_study(settings, plan)
    out = Path(settings.out)
    while (done := _search.count(study)) < settings.trials:
        try:
            number, text = _search.one_trial(study, settings, plan)
        except KeyboardInterrupt:
            say(f"the search: kapps tune --config {out / SETTINGS} --resume")
            raise
        say(f"trial {number + 1} ({done + 1} of {settings.trials}): {text}")
        _search.write(study, settings, plan, out)
    best = study.best_trial
    print(f"best: trial {best.number + 1}, {plan.metric.name} {plan.text(best.value)}")
    print(f"look at {out / PAGE}")
    print(f"train with it: kapps {settings.job} --config {out / BEST} --out {out / 'run'}")
    return {
        "best": plan.settings_of(best.params),
        "value": best.value,
        "metric": plan.metric.name,
        "trials": _search.count(study),
        "pruned": _search.count(study, "PRUNED"),
    }


def _check(settings: Settings) -> None:
    if settings.trials < 1:
        raise ValueError(f"trials={settings.trials} is out of range; use 1 or more.")
    if not settings.search:
        raise ValueError(f"search is empty; name one or more of {', '.join(SEARCHED)}.")
    if settings.seed < 0:
        raise ValueError(f"seed={settings.seed} is out of range; use 0 or more.")
    if settings.sizes and "size" not in settings.search:
        raise SettingsError(
            f"sizes={list(settings.sizes)} has no effect where size is not searched; drop it."
        )


def _begin(settings: Settings) -> None:
    """Make the folder, or see that it is of the same search.

    Raises:
        RunError: there is something else.
    """
    from kapps import runs
    from kapps.cli.settings import read_yaml, to_dict, to_yaml
    from kapps.files import atomic_folder

    out = Path(settings.out)
    if not (out / SETTINGS).exists():
        runs.refuse_existing(out)
        with atomic_folder(out) as folder:
            to_yaml(settings, folder / SETTINGS)
        return
    if not settings.resume:
        raise RunError(
            f"--out {out} holds a search; add --resume to continue it, or choose another."
        )
    old, new = read_yaml(out / SETTINGS), to_dict(settings)
    for name in new:
        if name not in ("resume", "trials") and old.get(name) != new[name]:
            raise RunError(
                f"the search {out} was begun with {name}={old.get(name)!r}, not {new[name]!r}; "
                "resume with its own settings or choose another --out."
            )


if __name__ == "__main__":
    sys.exit(main(Settings, run))
