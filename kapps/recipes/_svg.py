"""Charts as SVG text that takes its colours from the page: line charts and confusion matrices."""

import html
import math
from collections.abc import Sequence

import numpy as np


def line_chart(
    title: str,
    series: dict[str, Sequence[float]],
    *,
    percent: bool = False,
    width: int = 460,
    height: int = 240,
) -> str:
    """Curves over epochs 1, 2, ... as one SVG element.

    Args:
        title: above the chart.
        series: name -> one value an epoch; at most three series.
        percent: whether the values are shares in [0, 1], shown as percentages.
        width, height: of the view box in pixels.
    """
    left, right, top, bottom = 44, 12, 34, 26
    values = [v for line in series.values() for v in line if math.isfinite(v)]
    low, high, step = _scale(min(values, default=0.0), max(values, default=1.0), percent)
    epochs = max((len(line) for line in series.values()), default=1)

    def x(epoch: int) -> float:
        return left + (width - left - right) * (epoch - 1) / max(epochs - 1, 1)

    def y(value: float) -> float:
        return top + (height - top - bottom) * (high - value) / (high - low)

    def text(value: float) -> str:
        return f"{100 * value:g}%" if percent else f"{value:g}"

    parts = [f'<text class="chart-title" x="{left}" y="16">{html.escape(title)}</text>']
    for tick in _ticks(low, high, step):
        parts.append(
            f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y(tick):.1f}" '
            f'y2="{y(tick):.1f}"/><text class="tick" text-anchor="end" x="{left - 6}" '
            f'y="{y(tick) + 4:.1f}">{text(round(tick, 10))}</text>'
        )
    every = max(1, math.ceil(epochs / 8))
    for epoch in range(1, epochs + 1, every):
        parts.append(
            f'<text class="tick" text-anchor="middle" x="{x(epoch):.1f}" '
            f'y="{height - 8}">{epoch}</text>'
        )
    for number, (name, line) in enumerate(series.items(), 1):
        points = [(x(i), y(v), v) for i, v in enumerate(line, 1) if math.isfinite(v)]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py, _ in points)
        parts.append(f'<polyline class="line s{number}" points="{path}"/>')
        for epoch, (px, py, value) in enumerate(points, 1):
            label = f"{html.escape(name)}, epoch {epoch}: {value:.4f}"
            parts.append(
                f'<circle class="dot s{number}" cx="{px:.1f}" cy="{py:.1f}" r="3">'
                f"<title>{label}</title></circle>"
            )
        at = width - right - 90 * (len(series) - number + 1) + 12
        parts.append(
            f'<circle class="dot s{number}" cx="{at}" cy="12" r="4"/>'
            f'<text class="tick" x="{at + 8}" y="16">{html.escape(name)}</text>'
        )
    return _svg(width, height, title, parts)


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
    return _svg(size, int(top + cell * count + 4), "confusion matrix", parts)


def _svg(width: int, height: int, title: str, parts: list[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def _scale(low: float, high: float, percent: bool) -> tuple[float, float, float]:
    """Round limits around the values, and the distance of the grid lines."""
    low, high = (min(low, 0.98), 1.0) if percent else (0.0, max(high, 1e-6))
    span = high - low
    step = 10 ** math.floor(math.log10(span / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    return math.floor(low / step) * step, math.ceil(round(high / step, 6)) * step, step


def _ticks(low: float, high: float, step: float) -> list[float]:
    return [low + step * i for i in range(round((high - low) / step) + 1)]
