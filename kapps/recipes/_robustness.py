"""How a model holds when its pictures suffer: what `kapps evaluate --corruptions` measures."""

from collections.abc import Callable, Sequence

import numpy as np

from kapps.data import corruptions
from kapps.errors import SettingsError, did_you_mean
from kapps.recipes._predictor import Predictor
from kapps.tasks import scoring
from kapps.tasks.findings import Table

ALL = "all"


def names_of(words: Sequence[str]) -> list[str]:
    """The corruptions that a setting names, in the order of the paper.

    Raises:
        SettingsError: there is no such corruption.
    """
    for word in words:
        if word != ALL and word not in corruptions.CORRUPTIONS:
            known = (ALL, *corruptions.CORRUPTIONS)
            guess = did_you_mean(word, known, otherwise=f"; they are {', '.join(known)}.")
            raise SettingsError(f"corruptions={word!r} is none{guess}")
    return [name for name in corruptions.CORRUPTIONS if ALL in words or name in words]


def measure(
    predictor: Predictor,
    dataset,
    names: Sequence[str],
    severities: Sequence[int],
    batch_size: int,
    clean: float,
    advance: Callable,
) -> dict:
    """The first metric of the model's task for each corruption and severity.

    Args:
        predictor: the model.
        dataset: `kapps.data.Dataset` whose pictures are corrupted as the network sees them.
        names, severities: of `kapps.data.corruptions`.
        batch_size: pictures at a time.
        clean: the metric without a corruption.
        advance: called with the number of pictures after each batch.

    Returns:
        {"metric", "clean", "mean": over all corruptions and severities, "rows": [{"corruption",
        "group", "severities": {severity: value}, "mean"}]}.
    """
    task = predictor.task
    metric = task.metrics[0].name
    rows = []
    for name in names:
        values = {}
        for severity in severities:
            random = np.random.default_rng((list(corruptions.CORRUPTIONS).index(name), severity))

            def answer(images, name=name, severity=severity, random=random):
                seen = [corruptions.corrupt(one, name, severity, random) for one in _bytes(images)]
                return predictor.predict(np.stack(seen))

            answers, truth = scoring.predict_batches(answer, dataset, batch_size, advance)
            values[severity] = task.measure(answers, task.truth(dataset, truth))[metric]
        group = corruptions.CORRUPTIONS[name].group
        mean = float(np.mean(list(values.values())))
        rows.append({"corruption": name, "group": group, "severities": values, "mean": mean})
    mean = float(np.mean([row["mean"] for row in rows]))
    return {"metric": metric, "clean": clean, "mean": mean, "rows": rows}


def table(found: dict, data: str) -> Table:
    """What `measure` said, for the terminal and for a report."""
    severities = list(found["rows"][0]["severities"])
    rows = [
        (
            row["corruption"].replace("_", " "),
            row["group"],
            *(f"{row['severities'][s]:.1%}" for s in severities),
            f"{row['mean']:.1%}",
        )
        for row in found["rows"]
    ]
    means = [np.mean([row["severities"][s] for row in found["rows"]]) for s in severities]
    rows.append(("mean", "", *(f"{mean:.1%}" for mean in means), f"{found['mean']:.1%}"))
    columns = ("corruption", "kind", *(f">{s}" for s in severities), ">mean")
    text = (
        f"{found['metric']} on {data} by the severity of a corruption; {found['clean']:.1%} "
        "without one (Hendrycks and Dietterich, 2019)."
    )
    return Table("Common corruptions", text, columns, rows)


def _bytes(images: np.ndarray) -> np.ndarray:
    return np.clip(np.asarray(images), 0, 255).round().astype("uint8")
