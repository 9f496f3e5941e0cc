"""Charts as SVG text that takes its colours from the page: line charts and confusion matrices."""

import dataclasses
import html
import math
from collections.abc import Iterable, Sequence

import numpy as np

LEFT, RIGHT, TOP, BOTTOM = 50, 12, 34, 26  # margins of a chart in pixels
MANY = 100  # points that are drawn as dots too


@dataclasses.dataclass(frozen=True)
class Axis:
    """From values to places: `low` is drawn at `start` and `high` at `stop`.

    Attributes:
        step: distance of the grid lines; of a logarithmic axis a factor.
        percent: whether values are shares in 0..1.
        log: whether equal factors are equally long.
    """

    low: float
    high: float
    step: float
    start: float
    stop: float
    percent: bool = False
    log: bool = False

    def place(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (self.stop - self.start) * (value - low) / (high - low)

    def ticks(self) -> list[float]:
        if self.log:
            count = round(math.log(self.high / self.low) / math.log(self.step))
            return [self.low * self.step**i for i in range(count + 1)]
        count = round((self.high - self.low) / self.step)
        return [round(self.low + self.step * i, 10) for i in range(count + 1)]

    def text(self, value: float) -> str:
        return f"{100 * value:g}%" if self.percent else f"{value:g}"


def line_chart(
    title: str,
    series: dict[str, Sequence[float]],
    *,
    percent: bool = False,
    marks: dict[int, str] | None = None,
    named: bool = True,
    width: int = 460,
    height: int = 240,
) -> str:
    """Curves over epochs 1, 2, ... as one SVG element.

    Args:
        title: above the chart.
        series: name -> one value an epoch; at most six.
        percent: whether the values are shares in [0, 1], shown as percentages.
        marks: epoch -> what begins with it, drawn as a line across.
        named: whether the chart says which line is whose; it has room for three.
        width, height: of the view box in pixels.
    """
    values = [v for line in series.values() for v in line if math.isfinite(v)]
    low, high, step = _scale(min(values, default=0.0), max(values, default=1.0), percent)
    epochs = max((len(line) for line in series.values()), default=1)
    y = Axis(low, high, step, height - BOTTOM, TOP, percent)
    x = Axis(1, max(epochs, 2), max(1, math.ceil(epochs / 8)), LEFT, width - RIGHT)
    parts = [*heading(title), *grid(y, width), *_numbers(x, range(1, epochs + 1, x.step), height)]
    for epoch, name in (marks or {}).items():
        at = x.place(epoch - 0.5)
        parts.append(
            f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>'
            f'<text class="tick" x="{at + 4:.1f}" y="{TOP + 10}">{html.escape(name)}</text>'
        )
    for number, (name, line) in enumerate(series.items(), 1):
        points = [(i, v) for i, v in enumerate(line, 1) if math.isfinite(v)]
        tips = [f"{name}, epoch {i}: {v:.4f}" for i, v in points]
        parts += _line(number, points, tips, x, y)
    return svg(width, height, title, parts + _names(series if named else (), width))


def curve(
    title: str,
    lines: dict[str, Sequence[tuple[float, float]]],
    *,
    axes: tuple[str, str],
    percent: bool = False,
    diagonal: bool = False,
    log: bool = False,
    dots: bool = False,
    mark: tuple[float, str] | None = None,
    named: bool = True,
    width: int = 460,
    height: int = 280,
) -> str:
    """Lines through points, or the points alone, as one SVG element.

    Args:
        title: above the chart.
        lines: name -> (x, y) points.
        axes: names of x and y.
        percent: whether both are shares in 0..1; then both axes are whole.
        diagonal: whether to draw x = y.
        log: whether x is logarithmic.
        dots: points without the lines between them.
        mark: a value of x and what it is.
        named: whether the chart says which of several lines is whose; it has room for three.
        width, height: of the view box in pixels.
    """
    points = [p for line in lines.values() for p in line if all(map(math.isfinite, p))]
    xs = [p[0] for p in points] or [1.0]
    ys = [p[1] for p in points] or [1.0]
    bottom = BOTTOM + 16
    across = (LEFT, width - RIGHT)
    if percent:
        y = Axis(0.0, 1.0, 0.2, height - bottom, TOP, percent=True)
        x = Axis(0.0, 1.0, 0.2, *across, percent=True)
    else:
        low, high, step = around(min(ys), max(ys))
        y = Axis(low, high, step, height - bottom, TOP)
        x = (
            _logarithmic(min(xs), max(xs), across)
            if log
            else Axis(*around(min(xs), max(xs)), *across)
        )
    parts = [*heading(title), *grid(y, width), *_numbers(x, x.ticks(), height - 16)]
    middle = (LEFT + width - RIGHT) / 2
    parts.append(
        f'<text class="tick" text-anchor="middle" x="{middle:.1f}" y="{height - 6}">'
        f"{html.escape(axes[0])}</text>"
    )
    if diagonal:
        parts.append(
            f'<line class="mark" x1="{x.place(x.low):.1f}" y1="{y.place(x.low):.1f}" '
            f'x2="{x.place(x.high):.1f}" y2="{y.place(x.high):.1f}"/>'
        )
    if mark:
        at = x.place(mark[0])
        parts.append(
            f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{height - bottom}"/>'
            f'<text class="tick" x="{at + 4:.1f}" y="{TOP + 10}">{html.escape(mark[1])}</text>'
        )
    for number, (name, line) in enumerate(lines.items(), 1):
        finite = [p for p in line if all(map(math.isfinite, p))]
        tips = [f"{name}: {axes[0]} {x.text(a)}, {axes[1]} {y.text(b)}" for a, b in finite]
        parts += _line(number, finite, tips, x, y, dots_only=dots)
    names = lines if named and len(lines) > 1 else {}
    return svg(width, height, title, parts + _names(names, width))


def heading(title: str) -> list[str]:
    """The title above a chart."""
    return [f'<text class="chart-title" x="{LEFT}" y="16">{html.escape(title)}</text>']


def grid(y: Axis, width: int) -> list[str]:
    """Lines across at the ticks of y, with their numbers."""
    return [
        f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y.place(tick):.1f}" '
        f'y2="{y.place(tick):.1f}"/><text class="tick" text-anchor="end" x="{LEFT - 6}" '
        f'y="{y.place(tick) + 4:.1f}">{y.text(tick)}</text>'
        for tick in y.ticks()
    ]


def _numbers(x: Axis, ticks: Iterable[float], height: int) -> list[str]:
    """The numbers below the chart."""
    return [
        f'<text class="tick" text-anchor="middle" x="{x.place(tick):.1f}" '
        f'y="{height - 8}">{x.text(tick)}</text>'
        for tick in ticks
    ]


def _line(number: int, points, tips, x: Axis, y: Axis, dots_only: bool = False) -> list[str]:
    places = [(x.place(a), y.place(b)) for a, b in points]
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
    parts = [] if dots_only else [f'<polyline class="line s{number}" points="{path}"/>']
    if len(points) > MANY:  # a dot for each would hide the line
        return parts
    return parts + [
        f'<circle class="dot s{number}" cx="{px:.1f}" cy="{py:.1f}" r="3">'
        f"<title>{html.escape(tip)}</title></circle>"
        for (px, py), tip in zip(places, tips, strict=True)
    ]


def _names(series: Iterable[str], width: int) -> list[str]:
    """Which line is whose, in the upper right corner."""
    names = [name for name in series if name]
    parts = []
    for number, name in enumerate(names, 1):
        at = width - RIGHT - 90 * (len(names) - number + 1) + 12
        parts.append(
            f'<circle class="dot s{number}" cx="{at}" cy="12" r="4"/>'
            f'<text class="tick" x="{at + 8}" y="16">{html.escape(name)}</text>'
        )
    return parts


def confusion(matrix: np.ndarray, labels: Sequence[str], *, size: int = 400) -> str:
    """A confusion matrix: rows are the truth, columns the prediction; counts in the cells.

    Args:
        matrix: (classes, classes) counts.
        labels: one a class, in the order of the rows.
        size: edge of the view box in pixels.
    """
    matrix = np.asarray(matrix)
    count = len(labels)
    left, top = 56, 42
    cell = (size - left - 4) / count
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    parts = [
        f'<text class="chart-title" x="{left}" y="16">predicted</text>',
        f'<text class="chart-title" transform="translate(14 {top + 66}) rotate(-90)">true</text>',
    ]
    for i, label in enumerate(labels):
        middle = cell * (i + 0.5)
        name = html.escape(label[:7])
        parts.append(
            f'<text class="tick" text-anchor="middle" x="{left + middle:.1f}" '
            f'y="{top - 8}">{name}</text>'
            f'<text class="tick" text-anchor="end" x="{left - 8}" '
            f'y="{top + middle + 4:.1f}">{name}</text>'
        )
    for i in range(count):
        for j in range(count):
            kind = ("right" if i == j else "wrong") if matrix[i, j] else "none"
            # The square root makes a single mistake visible beside thirty right answers.
            strength = math.sqrt(share[i, j])
            x, y = left + cell * j, top + cell * i
            tip = f"{labels[i]} taken for {labels[j]}: {matrix[i, j]}"
            parts.append(
                f'<rect class="{kind}" x="{x + 1:.1f}" y="{y + 1:.1f}" width="{cell - 2:.1f}" '
                f'height="{cell - 2:.1f}" rx="3" fill-opacity="{0.06 + 0.84 * strength:.2f}">'
                f"<title>{html.escape(tip)}</title></rect>"
            )
            if matrix[i, j]:
                strong = " on" if strength > 0.6 else ""
                parts.append(
                    f'<text class="cell{strong}" text-anchor="middle" x="{x + cell / 2:.1f}" '
                    f'y="{y + cell / 2 + 4:.1f}">{matrix[i, j]}</text>'
                )
    return svg(size, int(top + cell * count + 4), "confusion matrix", parts)


def svg(width: int, height: int, title: str, parts: list[str]) -> str:
    """A picture of its parts, with a name for those who cannot see it."""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def _scale(low: float, high: float, percent: bool) -> tuple[float, float, float]:
    """Round limits around values that end at 1, or begin at 0; and the distance of grid lines."""
    low, high = (min(low, 0.98), 1.0) if percent else (min(low, 0.0), max(high, 1e-6))
    return _rounded(low, high)


def around(low: float, high: float) -> tuple[float, float, float]:
    """Round limits around the values; and the distance of grid lines."""
    return _rounded(low, high if high > low else low + max(abs(low), 1e-6))


def _rounded(low: float, high: float) -> tuple[float, float, float]:
    span = high - low
    step = 10 ** math.floor(math.log10(span / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    return math.floor(round(low / step, 6)) * step, math.ceil(round(high / step, 6)) * step, step


def _logarithmic(low: float, high: float, across: tuple[float, float]) -> Axis:
    """An axis of powers of ten around the values."""
    least = 10.0 ** math.floor(math.log10(low))
    most = 10.0 ** math.ceil(math.log10(high))
    return Axis(least, max(most, 10 * least), 10.0, *across, log=True)
