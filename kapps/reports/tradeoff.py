"""What accuracy costs: points in a chart, and those that no other beats in both."""

import html
import math
from collections.abc import Mapping, Sequence

from kapps.reports import charts, labels, page

WIDTH, HEIGHT = 460, 300
FEW, MORE = 10, 12  # points that HEIGHT has room for, and pixels that each further one gets


def front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The Pareto front: names of points (cost, gain) that no other beats, cheapest first.

    A point is beaten by one that costs no more, gains no less, and is better in one of them.
    """

    def beaten(cost: float, gain: float) -> bool:
        return any(c <= cost and g >= gain and (c < cost or g > gain) for c, g in points.values())

    kept = [name for name, (cost, gain) in points.items() if not beaten(cost, gain)]
    return sorted(kept, key=lambda name: points[name])


def chart(title: str, points: Mapping[str, tuple[float, float]], cost: str, gain: str) -> str:
    """Points with their names, and a line through the front, as one SVG element.

    Names stand clear of each other, of the points and of the line; one that found no room beside
    its point has a thin line to it.

    Args:
        title: above the chart.
        points: name -> (cost, gain); costs above 0 are drawn on a logarithmic axis, gains are
            shares in 0..1.
        cost, gain: what the axes are.
    """
    best = front(points)
    height = HEIGHT + MORE * max(0, len(points) - FEW)
    xs, ys = zip(*points.values(), strict=True)
    low, high, step = charts.around(min(ys), max(ys))
    y = charts.Axis(low, high, step, height - charts.BOTTOM - 16, charts.TOP, percent=True)
    span = max(xs) / min(xs)
    x = charts.Axis(
        min(xs) / 1.15,
        max(xs) * 1.15,
        max(span, 1.2) ** 0.25,
        charts.LEFT + 6,
        WIDTH - 20,
        log=True,
    )
    parts = [*charts.heading(title), *charts.grid(y, WIDTH)]
    parts += [
        f'<text class="tick" text-anchor="middle" x="{x.place(value):.1f}" '
        f'y="{height - charts.BOTTOM}">{_short(value)}</text>'
        for value in _ticks(x)
    ]
    parts.append(
        f'<text class="tick" text-anchor="middle" x="{WIDTH / 2}" y="{height - 6}">'
        f"{html.escape(f'{cost}; up: {gain}; line: no other is better in both')}</text>"
    )
    places = {name: (x.place(a), y.place(b)) for name, (a, b) in points.items()}
    through = [places[name] for name in best]
    line = " ".join(f"{px:.1f},{py:.1f}" for px, py in through)
    parts.append(f'<polyline class="line s1" points="{line}"/>')
    frame = labels.Box(charts.LEFT, charts.TOP, WIDTH, height - charts.BOTTOM - 16)
    names = labels.placed(places, frame, list(zip(through, through[1:], strict=False)))
    parts += [_leader(*label.leader) for label in names.values() if label.leader]
    for name, (px, py) in places.items():
        kind = "s1" if name in best else "s2"
        tip = f"{name}: {cost} {_short(points[name][0])}, {gain} {100 * points[name][1]:.1f}%"
        label = names[name]
        parts.append(
            f'<circle class="dot {kind}" cx="{px:.1f}" cy="{py:.1f}" r="{labels.DOT:g}">'
            f"<title>{html.escape(tip)}</title></circle>"
            f'<text class="tick" text-anchor="{label.anchor}" x="{label.x:.1f}" '
            f'y="{label.box.bottom - 2:.1f}">{html.escape(name)}</text>'
        )
    return charts.svg(WIDTH, height, title, parts)


def _leader(start: labels.Place, end: labels.Place) -> str:
    (x, y), (to_x, to_y) = start, end
    return f'<line class="leader" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def _ticks(x: charts.Axis) -> list[float]:
    """Round numbers along a logarithmic axis: 1, 2 and 5 of each power of ten."""
    first, last = math.floor(math.log10(x.low)), math.ceil(math.log10(x.high))
    every = [m * 10.0**power for power in range(first, last + 1) for m in (1, 2, 5)]
    inside = [value for value in every if x.low <= value <= x.high]
    return inside if len(inside) > 1 else [x.low * 1.15, x.high / 1.15]


def _short(value: float) -> str:
    for limit, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def standalone(svg: str) -> str:
    """A chart as a file of its own, with the style that a page would have given it."""
    own = "svg{background:var(--card);font-family:system-ui,-apple-system,'Segoe UI',sans-serif}"
    style = f"<style>{page.STYLE} {own}</style>"
    head, _, rest = svg.partition(">")
    head = head.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" ', 1)
    return f"{head}>{style}{rest}\n"


def side_by_side(charts_: Sequence[str]) -> str:
    """Charts as cards of a page."""
    return (
        '<div class="grid2">' + "".join(f'<div class="card">{c}</div>' for c in charts_) + "</div>"
    )
