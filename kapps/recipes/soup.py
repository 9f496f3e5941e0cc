"""Average the weights of runs that were fine-tuned from the same network: a model soup.

kapps soup runs/a runs/b runs/c --out runs/soup

The runs join in the order of how good they are, and each stays only where the average with it is
at least as good as before, judged by what the best run was judged by ("greedy"; Wortsman et al.,
2022, arXiv:2203.05482, recipe 1). One model comes out, as fast as each of them.
"""

import sys
import time
import types
from dataclasses import dataclass

from kapps.cli.settings import main, setting


@dataclass(frozen=True)
class Settings:
    """Which runs, and where the average goes."""

    runs: tuple[str, ...] = setting(help="two or more run folders", positional=True)
    out: str = setting(help="folder of the averaged run", metavar="FOLDER")
    how: str = setting("greedy", "greedy, or all without judging", choices=("greedy", "all"))
    recalibrate: int = setting(
        0, "training batches to measure BatchNorm's statistics of an average on; 0 for none"
    )


@dataclass(frozen=True, kw_only=True)
class Record(Settings):
    """What the run folder says of itself: also the data that it was judged by, for `evaluate`."""

    data: str
    val: str | None
    validation: float


def run(settings: Settings) -> dict:
    """Average runs and leave a run folder.

    Returns:
        {"run": folder, "members": the runs in it, "best": loss and metrics of the average, "alone":
        those of the best run}

    Raises:
        KappsError, ValueError: fewer than two runs, runs of other networks or classes, or none that
            was judged.
    """
    from kapps import inspect, runs, tasks
    from kapps.cli.settings import before_there_was
    from kapps.errors import RunError
    from kapps.training import job, options, pictures
    from kapps.training.recalibration import Recalibration

    if len(settings.runs) < 2:
        raise ValueError(f"runs={list(settings.runs)}: an average needs two or more runs.")
    if settings.recalibrate < 0:
        raise ValueError(f"recalibrate={settings.recalibrate} is out of range; use 0 or more.")
    began = time.perf_counter()
    runs.refuse_existing(settings.out)
    members = [runs.Run.open(path) for path in settings.runs]
    task = tasks.of_spec(members[0].spec)
    metric = task.metrics[0]
    for member in members:
        if f"val_{metric.name}" not in member.metrics["best"]:
            raise RunError(f"{member.path} was judged by nothing; train it with --val or a share.")
        if member.labels != members[0].labels:
            raise RunError(f"{member.path} has other classes than {members[0].path}.")
    members.sort(key=lambda member: runs.rank(metric)(member.metrics["best"]))
    first = members[0]
    model = first.load_model()
    weights = [list(model.get_weights())]
    for member in members[1:]:
        weights.append(list(member.load_model().get_weights()))
        if [w.shape for w in weights[-1]] != [w.shape for w in weights[0]]:
            raise RunError(f"{member.path} is another network than {first.path}.")
    known = before_there_was(options.Options) | first.settings
    trained, spec = types.SimpleNamespace(**known), first.spec
    splits = pictures.Splits(trained, spec, spec["size"], spec["channels"], task=task)
    channels_first = inspect.channels_first(model)
    data = pictures.Pictures(splits.validation(), channels_first)
    measured = None
    if settings.recalibrate:
        measured = Recalibration(model, settings.recalibrate)
        train = pictures.Pictures(splits.train(), channels_first)

    def average(numbers: list[int]) -> None:
        model.set_weights(_mean([weights[i] for i in numbers]))
        if measured and len(numbers) > 1:
            measured.measure(train.epoch(0))

    alone = task.judge(model, data)
    chosen, best = [0], alone
    for number in range(1, len(members)):
        tried = [*chosen, number]
        average(tried)
        found = task.judge(model, data)
        sign = 1 if metric.higher else -1
        if settings.how == "all" or sign * (found[metric.name] - best[metric.name]) >= 0:
            chosen, best = tried, found
    average(chosen)
    record = Record(
        **vars(settings), data=trained.data, val=trained.val, validation=trained.validation
    )
    new = runs.Run.create(settings.out, record, "soup", first.labels, spec)
    row = {"stage": "soup", "epoch": 1, "seconds": round(time.perf_counter() - began, 1)}
    row |= {f"val_{name}": value for name, value in best.items()}
    new.save_model(model, "best")
    new.save_model(model, "last")
    names = [str(members[i].path) for i in chosen]
    job.finish(new, [row], task.metrics, began, members=names, alone=alone)
    return {"run": str(new.path), "members": names, "best": best, "alone": alone}


def _mean(sets: list) -> list:
    """The mean of each weight over the models, in its own type."""
    import numpy as np

    return [
        np.mean(each, axis=0, dtype="float64").astype(each[0].dtype)
        for each in zip(*sets, strict=True)
    ]


if __name__ == "__main__":
    sys.exit(main(Settings, run))
