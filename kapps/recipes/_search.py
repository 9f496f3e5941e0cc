"""What `kapps tune` searches, and one trial of it."""

import contextlib
import dataclasses
import gc
import shutil
import sys
from pathlib import Path

from kapps.cli.settings import from_dict, read_yaml, to_dict
from kapps.errors import KappsError, MissingPackageError, SettingsError
from kapps.recipes import finetune, train
from kapps.recipes.tune import BEST, JOURNAL, PAGE, Settings
from kapps.runs import Metric

JOBS = {"finetune": finetune, "train": train}
NOT_FIXED = ("out", "resume", "data", "model", "distribute", "hosts", "host_index", "find_lr")
RATES = (1 / 30, 10.0)  # of the optimiser's usual rate, the range that is searched
DECAYS = (1 / 100, 10.0)  # of its usual decay
LEAST_DECAY = 1e-3  # the usual one where the optimiser has none
STRONGEST = 0.6  # magnitude of RandAugment, twice the paper's
SIZES = (5 / 7, 6 / 7, 1.0)  # of the application's: 160, 192 and 224
MULTIPLE = 32  # of a size: the stride of most networks
FIRST_PRUNED = 4  # trials that are done before one is ended early
TAG = "interrupted"  # on a trial that a killed search has left behind


@dataclasses.dataclass(frozen=True)
class Plan:
    """A search, before its first trial.

    Attributes:
        job: the module of the job.
        base: settings of the job that stay, by name.
        ranges: name of what is searched -> (low, high) of a logarithmic scale, of a strength
            (0, high), or the sizes.
        first: the values of the first trial.
        metric: what trials are compared by.
        rate: the setting that the learning rate is.
        augment: the policy to which a strength is added.
    """

    job: object
    base: dict
    ranges: dict[str, tuple]
    first: dict[str, float]
    metric: Metric
    rate: str
    augment: str

    def suggest(self, trial) -> dict:
        """Values of a trial, by the names of `ranges`."""
        found = {}
        for name, values in self.ranges.items():
            if name == "size":
                found[name] = trial.suggest_categorical(name, values)
            elif name == "augment":
                found[name] = trial.suggest_float(name, *values, step=0.05)
            else:
                found[name] = trial.suggest_float(name, *values, log=True)
        return found

    def settings_of(self, values: dict) -> dict:
        """The settings of the job that values of a trial mean."""
        found = dict(self.base)
        for name, value in values.items():
            if name == "augment":
                if value > 0:
                    found[name] = f"{self.augment}+randaugment:{round(value, 2):g}"
                else:
                    found[name] = self.augment
            elif name == "size":
                found[name] = int(value)
            else:
                found[self.rate if name == "learning_rate" else name] = float(f"{value:.3g}")
        return found

    def text(self, value: float) -> str:
        """A value of the metric."""
        return f"{value:.2%}" if self.metric.share else f"{value:.4g}"


def plan(settings: Settings) -> Plan:
    """What is searched, and from where.

    Raises:
        KappsError, ValueError: the settings of the job do not fit together, or nothing judges.
    """
    from kapps import tasks
    from kapps.training.resolving import resolve

    job = JOBS[settings.job]
    given = read_yaml(settings.base) if settings.base else {}
    given = {name: value for name, value in given.items() if name not in ("out", "resume")}
    words = _words(settings.fixed)
    own = {"model": settings.model, "data": settings.data, "out": settings.out}
    whole = from_dict(job.Settings, {**given, **own}, texts=words)
    least = 0 if settings.job == "finetune" else 1
    options = resolve(whole, least_epochs=least)
    if options.val is None and not options.validation:
        raise ValueError(
            "trials are compared by the images that they are judged by, and validation=0 leaves "
            "none; give validation=0.2 or val=DATA."
        )
    kept = {*given, *words, "model", "data"}
    base = {name: value for name, value in to_dict(whole).items() if name in kept}
    metric = tasks.make(options).metrics[0]
    head_only = settings.job == "finetune" and (not options.epochs or options.unfreeze == "none")
    rate = "learning_rate_head" if head_only else "learning_rate"
    ranges, first = {}, {}
    for name in settings.search:
        if name in words or (name == "learning_rate" and rate in words):
            raise SettingsError(f"fixed has {name}, which is searched; take it out of one of them.")
        if name == "size":
            sizes = settings.sizes or _sizes(options)
            if len(sizes) < 2:
                continue
            ranges[name], first[name] = tuple(sizes), max(sizes)
        elif name == "augment":
            ranges[name], first[name] = (0.0, STRONGEST), 0.0
        else:
            usual = getattr(options, rate if name == "learning_rate" else name) or LEAST_DECAY
            low, high = RATES if name == "learning_rate" else DECAYS
            ranges[name], first[name] = (low * usual, high * usual), usual
    if not ranges:
        raise SettingsError(f"{settings.model} has one size; search something else, or name sizes.")
    return Plan(job, base, ranges, first, metric, rate, options.augment)


def _words(fixed: tuple[str, ...]) -> dict[str, str]:
    """The settings in words such as "epochs=10"."""
    found = {}
    for word in fixed:
        name, equals, value = word.partition("=")
        if not equals:
            raise SettingsError(f"fixed={word!r} is not name=value, such as epochs=10.")
        if name in NOT_FIXED:
            raise SettingsError(f"fixed={word!r}: {name} is no setting of one trial; drop it.")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _sizes(options) -> tuple[int, ...]:
    """Sizes around the application's; of a file, whose size may be fixed, none."""
    from kapps.applications import named

    if options.size is not None or named.is_path(options.model):
        return ()
    size = named.bound(options.model, None, named.arguments_of(options.arguments)).spec.size
    rounded = {max(round(size * f / MULTIPLE), 1) * MULTIPLE for f in SIZES[:-1]}
    return tuple(sorted({one for one in rounded if one < size} | {size}))


def open_study(settings: Settings, plan: Plan):
    """Optuna's study in the folder: a new one, or that of before.

    Raises:
        MissingPackageError: Optuna is not installed.
    """
    try:
        import optuna
    except ModuleNotFoundError:
        raise MissingPackageError("kapps tune needs optuna; pip install 'kapps[tune]'.") from None
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(Path(settings.out) / JOURNAL)))
    never = optuna.pruners.NopPruner()
    study = optuna.create_study(
        storage=storage,
        study_name="kapps",
        load_if_exists=True,
        direction="maximize" if plan.metric.higher else "minimize",
        pruner=optuna.pruners.MedianPruner(FIRST_PRUNED) if settings.prune else never,
    )
    # Not the seed alone: a search that goes on would draw its first trials again.
    study.sampler = optuna.samplers.TPESampler(seed=settings.seed + 1000 * len(study.trials))
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.set_user_attr(f"{TAG}_{trial.number}", True)
        shutil.rmtree(folder_of(settings, trial.number), ignore_errors=True)
        if trial.params:
            study.enqueue_trial(trial.params)
    if not study.trials:
        study.enqueue_trial(plan.first)
    return study


def folder_of(settings: Settings, number: int) -> Path:
    """The run folder of a trial."""
    return Path(settings.out) / "trials" / f"{number + 1:03d}"


def done(study) -> list:
    """The trials that are over, without those that a killed search has left behind."""
    left = study.user_attrs
    return [
        trial
        for trial in study.trials
        if trial.state.is_finished() and f"{TAG}_{trial.number}" not in left
    ]


def count(study, *states: str) -> int:
    """How many trials are over; those alone in `states`, such as "PRUNED"."""
    return sum(not states or trial.state.name in states for trial in done(study))


def one_trial(study, settings: Settings, plan: Plan) -> tuple[int, str]:
    """Train once; returns the number of the trial and what to say of it.

    Raises:
        KappsError, ValueError: that of the training, in the first trial: no other would do better.
    """
    import keras
    import optuna

    trial = study.ask()
    values = plan.suggest(trial)
    folder = folder_of(settings, trial.number)
    options = from_dict(plan.job.Settings, {**plan.settings_of(values), "out": str(folder)})
    said = ", ".join(f"{name} {value:.3g}" for name, value in values.items())
    try:
        with contextlib.redirect_stdout(sys.stderr):  # results are those of the search
            result = plan.job.run(options, [_judge(trial, plan.metric.name)])
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        text = f"ended early: {said}"
    except (KappsError, ValueError) as error:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        if not count(study, "COMPLETE", "PRUNED"):
            raise
        text = f"failed: {error} ({said})"
    else:
        value = result["best"][f"val_{plan.metric.name}"]
        study.tell(trial, value)
        text = f"{plan.metric.name} {plan.text(value)}: {said}"
    keras.utils.clear_session()
    gc.collect()
    return trial.number, text


def _judge(trial, name: str):
    """A callback that tells Optuna how good each epoch is, and ends a training that is not."""
    import keras
    import optuna

    class Judge(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.epochs = 0

        def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
            self.epochs += 1  # over all stages
            trial.report(logs[f"val_{name}"], self.epochs)
            if trial.should_prune():
                raise optuna.TrialPruned

    return Judge()


def write(study, settings: Settings, plan: Plan, out: Path) -> None:
    """Write the best settings and the page; remove the models of all trials but the best."""
    import yaml

    from kapps.files import atomic_write
    from kapps.recipes import _search_page

    if not count(study, "COMPLETE"):
        return
    best = study.best_trial
    found = plan.settings_of(best.params)
    head = (
        f"# The best of {count(study)} trials of kapps tune: {plan.metric.name} "
        f"{plan.text(best.value)}, trial {best.number + 1}.\n#\n"
        f"#   kapps {settings.job} --config {out / BEST} --out FOLDER\n"
    )
    with atomic_write(out / BEST, "w") as file:
        file.write(head + yaml.safe_dump(found, sort_keys=False, allow_unicode=True))
    with atomic_write(out / PAGE, "w") as file:
        file.write(_search_page.render(study, settings, plan))
    for trial in study.trials:
        if trial.state.is_finished():
            _slim(folder_of(settings, trial.number), trial.number == best.number)


def _slim(folder: Path, best: bool) -> None:
    """Leave of a trial's run what one looks at, and of the best its model."""
    shutil.rmtree(folder / "backup", ignore_errors=True)
    for name in ("last.keras",) if best else ("last.keras", "best.keras"):
        (folder / name).unlink(missing_ok=True)
