"""Findings of a task as HTML."""

import html
from collections.abc import Sequence

from kapps.reports import charts, page
from kapps.tasks import findings as kinds


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
    raise TypeError(f"{type(one).__name__} is no kind of finding that a page can show.")


def _sample(sample: kinds.Sample) -> str:
    caption = html.escape(sample.caption)
    picture = f'<img alt="{caption}" src="{sample.picture}">' if sample.picture else ""
    kind = "hit" if sample.right else "miss"
    return f'<figure class="{kind}">{picture}<figcaption>{caption}</figcaption></figure>'
