"""What an experiment is, and how docs/results.md shows what it gave."""

import dataclasses
import statistics
import textwrap
from collections.abc import Callable

from tools.results.measuring import Place

Measure = Callable[[Place, int], dict]
Means = dict[str, dict[str, float]]


def share(values: list[float]) -> str:
    """Mean, and lowest to highest where there are several, of shares, in percent."""
    mean = f"{statistics.mean(values):.2%}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.2%} to {max(values):.2%})"


def number(values: list[float]) -> str:
    return f"{statistics.mean(values):,.0f}"


def megabytes(values: list[float]) -> str:
    return f"{statistics.mean(values) / 1e6:.2f}"


COLUMNS = {  # key of a measurement: heading, how it is written
    "train_error": ("training error", share),
    "accuracy": ("accuracy", share),
    "flipped": ("accuracy with --tta flip", share),
    "int8": ("accuracy in int8", share),
    "map50": ("mAP@0.5", share),
    "map": ("mAP@[.5:.95]", share),
    "map50_float32": ("mAP@0.5 in float32 .tflite", share),
    "map50_int8": ("mAP@0.5 in int8", share),
    "map_int8": ("mAP@[.5:.95] in int8", share),
    "miou": ("mean IoU", share),
    "pixel_accuracy": ("pixels right", share),
    "miou_float32": ("mean IoU in float32 .tflite", share),
    "miou_int8": ("mean IoU in int8", share),
    "seconds": ("seconds", number),
    "cpu": ("CPU seconds", number),
    "epoch": ("seconds an epoch", number),
    "parameters": ("parameters", number),
    "trained": ("trained parameters", number),
    "bytes": ("file, MB", megabytes),
    "bytes_int8": ("int8 file, MB", megabytes),
}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A section of the page.

    Attributes:
        title: its heading.
        about: what is done, on which data.
        parts: what is compared: name -> measures one seed and returns numbers of `COLUMNS`.
        verdict: from the means, {part: {key: mean}} of the parts that were measured, a sentence on
            what was to be shown; "" where parts that it needs are missing.
        counted: what the numbers that `parts` are measured with stand for.
    """

    title: str
    about: str
    parts: dict[str, Measure]
    verdict: Callable[[Means], str]
    counted: str = "seed"

    def show(self, measured: dict[str, dict[str, dict]]) -> str:
        """The section.

        Args:
            measured: part -> seed -> the numbers, "commands", "day", "machine".
        """
        parts = {name: measured[name] for name in self.parts if measured.get(name)}
        rows = {name: list(seeds.values()) for name, seeds in parts.items()}
        keys = [key for key in COLUMNS if any(key in row for r in rows.values() for row in r)]
        lines = [f"## {self.title}", "", textwrap.fill(self.about, 100), ""]
        if not parts:
            return "\n".join([*lines, "Not measured yet."])
        heads = ["", f"{self.counted}s", *(COLUMNS[key][0] for key in keys)]
        lines += [_line(heads), _line(["---"] * len(heads))]
        for name, seeds in parts.items():
            cells = [_written(key, [r[key] for r in rows[name] if key in r]) for key in keys]
            lines.append(_line([name, ", ".join(sorted(seeds, key=int)), *cells]))
        means = {
            name: {
                key: statistics.mean(row[key] for row in r if key in row)
                for key in keys
                if any(key in row for row in r)
            }
            for name, r in rows.items()
        }
        said = self.verdict(means)
        if missing := [name for name in self.parts if name not in parts]:
            said = f"{said} Not measured yet: {', '.join(missing)}.".strip()
        if said:
            lines += ["", textwrap.fill(said, 100)]
        for name, seeds in parts.items():
            first = min(seeds, key=int)
            lines += ["", f"{name}, {self.counted} {first}:", ""]
            lines += [f"    {command}" for command in seeds[first]["commands"]]
        found = [row for r in rows.values() for row in r]
        days = sorted({row["day"] for row in found})
        machines = sorted({row["machine"] for row in found})
        lines += ["", f"Measured {', '.join(days)}: {'; '.join(machines)}."]
        return "\n".join(lines)


def reached(what: str, found: float, least: float) -> str:
    """Whether a share got to where it should."""
    if round(found, 4) >= least:
        return f"{what}: {found:.2%}, at least {least:.0%} was the goal."
    return f"{what}: {found:.2%}; **the goal of {least:.0%} is missed**."


def pace(m: Means, name: str, other: str) -> str:
    """The CPU time of one part in that of another, as words to put behind a sentence."""
    if not all("cpu" in m[part] for part in (name, other)):
        return ""
    return f", in {m[name]['cpu'] / m[other]['cpu']:.2f} of its CPU time"


def _written(key: str, values: list[float]) -> str:
    return COLUMNS[key][1](values) if values else ""


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
