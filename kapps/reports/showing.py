"""Findings of a task as HTML."""

import html
from collections.abc import Sequence

from kapps.reports import charts, page
from kapps.tasks import findings as kinds

NAMED = 30  # classes in the legend of a map


def facts(findings: Sequence[kinds.Finding]) -> list[tuple[str, str]]:
    """All the numbers among the findings, for the top of a page."""
    return [tuple(row) for one in findings if isinstance(one, kinds.Facts) for row in one.values]


def cards(findings: Sequence[kinds.Finding]) -> str:
    """The findings that are no facts, each in a card."""
    shown = [_card(one) for one in findings if not isinstance(one, kinds.Facts)]
    return f'<div class="grid2 gap">{"".join(shown)}</div>' if shown else ""


def _card(one: kinds.Finding) -> str:
    head = f"<h3>{html.escape(one.title)}</h3>"
    head += f"<p>{html.escape(one.text)}</p>" if one.text else ""
    return f'<div class="card">{head}{_drawn(one)}</div>'


def _drawn(one: kinds.Finding) -> str:
    match one:
        case kinds.Matrix():
            return charts.confusion(one.counts, one.labels)
        case kinds.Table():
            return page.table(one.columns, one.rows)
        case kinds.Curve():
            return charts.curve(
                "",
                one.lines,
                axes=(one.x, one.y),
                percent=one.percent,
                diagonal=one.diagonal,
            )
        case kinds.Samples():
            return f'<div class="samples">{"".join(map(_sample, one.samples))}</div>'
        case kinds.Scatter():
            return _map(one)
    raise TypeError(f"{type(one).__name__} is no kind of finding that a page can show.")


def _sample(sample: kinds.Sample) -> str:
    caption = html.escape(sample.caption)
    picture = f'<img alt="{caption}" src="{sample.picture}">' if sample.picture else ""
    kind = "hit" if sample.right else "miss"
    return f'<figure class="{kind}">{picture}<figcaption>{caption}</figcaption></figure>'


def _map(one: kinds.Scatter) -> str:
    """Points that show their picture where the pointer, a finger or the keyboard is."""
    dots = "".join(
        f'<span class="point" tabindex="0" style="left:{2 + 96 * point.x:.1f}%;'
        f'bottom:{2 + 96 * point.y:.1f}%;background:{_hue(point.group, len(one.names))}">'
        f"{_hover(point)}</span>"
        for point in one.points
    )
    names = "".join(
        f'<span><i style="background:{_hue(i, len(one.names))}"></i>{html.escape(name)}</span>'
        for i, name in enumerate(one.names[:NAMED])
    )
    return f'<div class="map">{dots}</div><div class="legend gap">{names}</div>'


def _hover(point: kinds.Point) -> str:
    side = "left" if point.x > 0.5 else "right"
    caption = html.escape(point.caption)
    picture = f'<img alt="{caption}" src="{point.picture}">' if point.picture else ""
    return f'<span class="{side}">{picture}{caption}</span>'


def _hue(number: int, count: int) -> str:
    return f"hsl({360 * number / max(count, 1):.0f} 65% 50%)"
