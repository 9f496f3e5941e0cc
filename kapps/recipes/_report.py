"""The demo's report: one HTML file with everything inside it, in light and dark."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kapps.reports import charts
from kapps.reports.page import data_url, page, tiles, versions


@dataclass(frozen=True)
class Row:
    """One line of the demo's table; shares in [0, 1], None where there is nothing to measure."""

    model: str
    backend: str
    format: str
    megabytes: float
    top1_float: float | None
    top1_litert: float | None
    agreement: float | None
    milliseconds: float | None


@dataclass(frozen=True)
class Photo:
    """A classified photo: its pixels (h, w, 3) uint8 and (label, score) pairs, best first."""

    name: str
    pixels: np.ndarray
    predictions: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Sample:
    """One test image (h, w) or (h, w, 3) uint8 with its true and its predicted label."""

    pixels: np.ndarray
    true: str
    predicted: str
    score: float


@dataclass(frozen=True)
class Story:
    """How one model was trained and how it did.

    Attributes:
        title, text: heading and a sentence or two.
        charts: (title, {series: values an epoch}, whether they are shares).
        confusion: (classes, classes) counts, rows the truth.
    """

    title: str
    text: str
    charts: Sequence[tuple[str, dict[str, Sequence[float]], bool]]
    confusion: np.ndarray
    labels: Sequence[str]
    samples: Sequence[Sample]


COLUMNS = (
    ("model", False),
    ("backend", False),
    ("format", False),
    ("MB", True),
    ("top-1 float", True),
    ("top-1 on LiteRT", True),
    ("agreement", True),
    ("ms an image", True),
)


def cells(row: Row) -> tuple[str, ...]:
    """The texts of a row, in the order of COLUMNS."""

    def share(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f} %"

    ms = "-" if row.milliseconds is None else f"{row.milliseconds:.2f}"
    shares = (share(row.top1_float), share(row.top1_litert), share(row.agreement))
    return (row.model, row.backend, row.format, f"{row.megabytes:.2f}", *shares, ms)


def render(
    facts: dict[str, str],
    photos: Sequence[Photo],
    stories: Sequence[Story],
    rows: Sequence[Row],
    environment: dict[str, str],
) -> str:
    """The whole page as text.

    Args:
        facts: the few numbers at the top, name -> text.
        photos, stories, rows: what was done, in order.
        environment: versions and the machine, for the foot of the page.
    """
    body = f"""<h1>From a photo to a phone</h1>
<p>What <code>kapps demo</code> did on this machine: a pretrained model, one trained from scratch,
one fine-tuned, both exported and run on the phone's runtime.</p>
{tiles(facts.items())}
<h2>Exported models on LiteRT</h2>
<p>Every file was run on the LiteRT runtime over the same held-out images. Agreement is how often
its answer is that of the Keras model.</p>
<div class="card scroll">{_table(rows)}</div>
<h2>A photo, classified</h2>
<p>EfficientNet-Lite0 with its published ImageNet weights.</p>
<div class="grid2">{"".join(map(_photo, photos))}</div>
{"".join(map(_story, stories))}"""
    return page("kapps demo", body, versions(environment))


def _table(rows: Sequence[Row]) -> str:
    head = "".join(f"<th{' class=n' if number else ''}>{name}</th>" for name, number in COLUMNS)
    body, last = [], None
    for row in rows:
        texts = zip(cells(row), COLUMNS, strict=True)
        line = "".join(f"<td{' class=n' if n else ''}>{html.escape(t)}</td>" for t, (_, n) in texts)
        body.append(f"<tr{' class=first' if last not in (None, row.model) else ''}>{line}</tr>")
        last = row.model
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _photo(photo: Photo) -> str:
    bars = "".join(
        f"<span>{html.escape(label)}</span><i style='width:{max(score, 0.004):.1%}'></i>"
        f"<em>{score:.1%}</em>"
        for label, score in photo.predictions
    )
    image = f'<img alt="{html.escape(photo.name)}" src="{data_url(photo.pixels, "JPEG")}">'
    return f'<div class="card photo">{image}<div class="bars">{bars}</div></div>'


def _story(story: Story) -> str:
    curves = "".join(
        f'<div class="card">{charts.line_chart(title, series, percent=share)}</div>'
        for title, series, share in story.charts
    )
    samples = "".join(
        f'<figure class="{"hit" if s.true == s.predicted else "miss"}">'
        f'<img alt="{html.escape(s.true)}" src="{data_url(s.pixels, "PNG")}">'
        f"<figcaption>{_answer(s)}</figcaption></figure>"
        for s in story.samples
    )
    return f"""<h2>{html.escape(story.title)}</h2>
<p>{html.escape(story.text)}</p>
<div class="grid2">{curves}</div>
<div class="grid2" style="margin-top:16px">
<div class="card">{charts.confusion(story.confusion, story.labels)}</div>
<div class="card"><div class="samples">{samples}</div></div>
</div>
"""


def _answer(sample: Sample) -> str:
    said = f"{html.escape(sample.predicted)} {sample.score:.0%}"
    if sample.true == sample.predicted:
        return said
    return f"{said}, is {html.escape(sample.true)}"
