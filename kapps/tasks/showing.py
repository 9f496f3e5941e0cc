"""What a report shows of a classifier's answers: confusion, calibration, telling pictures."""

from collections.abc import Sequence

import numpy as np

from kapps.tasks import scoring
from kapps.tasks.findings import Curve, Facts, Finding, Matrix, Sample, Samples, Table

MOST = 40  # classes that a matrix shows; beyond that the pairs tell more
PAIRS = 12  # rows of a table
PICTURES = 12  # of the wrong ones, and of the right ones
BINS = 15  # of the calibration error, as in its paper
FITTED = 40  # pictures, from which on a temperature is fitted


def of_classes(answers: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> list[Finding]:
    """The findings of a classifier.

    Args:
        answers: probabilities (pictures, classes).
        labels: class numbers (pictures,).
        names: of the classes.
    """
    counts = scoring.confusion(answers, labels)
    found: list[Finding] = [_facts(answers, labels)]
    occurs = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    if len(occurs) <= MOST:
        found.append(
            Matrix(
                "Confusion",
                "Each row is a class, each column what it was taken for.",
                [names[i] for i in occurs],
                counts[np.ix_(occurs, occurs)].tolist(),
            )
        )
    found += _pairs(counts, names)
    found.append(_hardest(counts, names))
    found.append(_reliability(answers, labels))
    found += _samples(answers, labels, names)
    return found


def _facts(answers: np.ndarray, labels: np.ndarray) -> Facts:
    values = []
    if answers.shape[1] > 5:
        values.append(("among the first five", f"{scoring.accuracy(answers, labels, top=5):.1%}"))
    values.append(("calibration error", f"{scoring.calibration_error(answers, labels, BINS):.1%}"))
    values.append(("pictures judged", f"{len(labels):,}"))
    return Facts("Answers", values=values)


def _pairs(counts: np.ndarray, names: Sequence[str]) -> list[Finding]:
    """The most confused pairs, if any picture was taken for something else."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    rows = []
    for place in order:
        i, j = divmod(int(place), len(counts))
        if wrong[i, j]:
            share = f"{wrong[i, j] / counts[i].sum():.1%}"
            rows.append((names[i], names[j], int(wrong[i, j]), share))
    if not rows:
        return []
    columns = ("class", "taken for", ">pictures", ">share")
    return [Table("Most confused", "Which class was taken for which.", columns, rows)]


def _hardest(counts: np.ndarray, names: Sequence[str]) -> Table:
    totals, right = counts.sum(axis=1), counts.diagonal()
    occurs = np.flatnonzero(totals)
    order = occurs[np.argsort(right[occurs] / totals[occurs], kind="stable")][:PAIRS]
    rows = [(names[i], int(totals[i]), f"{right[i] / totals[i]:.1%}") for i in order]
    return Table("Hardest classes", "The worst first.", ("class", ">pictures", ">right"), rows)


def _reliability(answers: np.ndarray, labels: np.ndarray) -> Curve:
    text = (
        "Of the answers given with a certainty, how many are right: on the line, certainty can be "
        "believed; below it the model is too sure of itself."
    )
    lines = {"answers": _points(answers, labels)}
    shares = np.abs(answers.sum(axis=1) - 1).max() < 1e-3  # not those of a sigmoid each
    wrong = answers[::2].argmax(axis=1) != labels[::2]
    if shares and len(labels) >= FITTED and wrong.any():
        # What it was fitted on would look better than it is.
        degrees = scoring.temperature(answers[::2], labels[::2])
        rest, truth = answers[1::2], labels[1::2]
        cooled = scoring.cooled(rest, degrees)
        before, after = (scoring.calibration_error(x, truth, BINS) for x in (rest, cooled))
        lines[f"T = {degrees:.2g}"] = _points(cooled, truth)
        text += (
            f" Logits divided by a temperature of T = {degrees:.2f}, which fits every "
            f"other picture, make the calibration error of the rest {after:.1%} where it was "
            f"{before:.1%}."
        )
    axes = {"x": "certainty", "y": "right"}
    return Curve("Calibration", text, **axes, lines=lines, percent=True, diagonal=True)


def _points(answers: np.ndarray, labels: np.ndarray) -> list[tuple[float, float]]:
    rows = scoring.reliability(answers, labels, BINS)
    return [(confidence, right) for count, confidence, right in rows if count]


def _samples(answers: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> list[Finding]:
    """The mistakes that the model was surest of, and right answers that it was least sure of."""
    guesses, sure = answers.argmax(axis=1), answers.max(axis=1)

    def sample(i: int) -> Sample:
        said = f"{names[guesses[i]]} {sure[i]:.0%}"
        right = bool(guesses[i] == labels[i])
        return Sample(int(i), said if right else f"{said}, is {names[labels[i]]}", right)

    wrong = np.flatnonzero(guesses != labels)
    right = np.flatnonzero(guesses == labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:PICTURES]
    right = right[np.argsort(sure[right], kind="stable")][:PICTURES]
    found: list[Finding] = []
    if len(wrong):
        text = "The mistakes it was surest of; a wrong label in the data shows here first."
        found.append(Samples("Worst answers", text, [sample(i) for i in wrong]))
    if len(right):
        text = "Right answers that it was least sure of."
        found.append(Samples("Close calls", text, [sample(i) for i in right]))
    return found
