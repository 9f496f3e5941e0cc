"""The demo's report: one HTML file with everything inside it, in light and dark."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kapps.recipes import _svg

STYLE = """
:root { color-scheme: light dark; --page:#f6f7f9; --card:#fff; --ink:#1b2330; --soft:#5b6675;
  --line:#e3e7ec; --one:#2563c9; --two:#d9642b; --three:#5a8f3c; --good:#2563c9; --bad:#c8372d; }
@media (prefers-color-scheme: dark) { :root { --page:#12161c; --card:#1a2029; --ink:#e6eaf0;
  --soft:#98a4b3; --line:#2b3440; --one:#6ea3f5; --two:#f09561; --three:#96c878; --good:#6ea3f5;
  --bad:#f0776e; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--page); color:var(--ink);
  font:16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width:1080px; margin:0 auto; padding:40px 20px 64px; }
h1 { font-size:30px; line-height:1.2; margin:0 0 6px; letter-spacing:-.01em; }
h2 { font-size:20px; margin:40px 0 4px; }
p { margin:0 0 14px; color:var(--soft); max-width:70ch; }
.card { background:var(--card); border:1px solid var(--line); border-radius:12px; padding:18px; }
.grid2 { display:grid; grid-template-columns:repeat(auto-fit,minmax(300px,1fr)); gap:16px; }
.facts { display:grid; grid-template-columns:repeat(auto-fit,minmax(150px,1fr)); gap:12px;
  margin:22px 0 0; }
.facts b { display:block; font-size:24px; line-height:1.25; font-variant-numeric:tabular-nums; }
.facts span { color:var(--soft); font-size:14px; }
.scroll { overflow-x:auto; }
table { border-collapse:collapse; width:100%; font-size:14.5px; font-variant-numeric:tabular-nums; }
th { text-align:left; font-weight:600; color:var(--soft); white-space:nowrap; }
th, td { padding:8px 12px 8px 0; border-bottom:1px solid var(--line); }
th.n, td.n { text-align:right; }
tr.first td { border-top:2px solid var(--line); }
tr:last-child td { border-bottom:0; }
svg { width:100%; height:auto; display:block; }
svg text { font-family:inherit; fill:var(--soft); }
.chart-title { font-size:13px; font-weight:600; }
.tick { font-size:11.5px; } .cell { font-size:12px; } .cell.on { fill:var(--card); }
svg .grid { stroke:var(--line); } .line { fill:none; stroke-width:2.2; stroke-linejoin:round; }
.line.s1 { stroke:var(--one); } .line.s2 { stroke:var(--two); } .line.s3 { stroke:var(--three); }
.dot.s1 { fill:var(--one); } .dot.s2 { fill:var(--two); } .dot.s3 { fill:var(--three); }
rect.right { fill:var(--good); } rect.wrong { fill:var(--bad); } rect.none { fill:var(--soft); }
.photo img { width:100%; aspect-ratio:3/2; object-fit:cover; border-radius:8px; display:block; }
.bars { margin-top:16px; display:grid; gap:8px 12px;
  grid-template-columns:minmax(90px,max-content) 1fr auto;
  align-items:center; font-size:14.5px; }
.bars i { display:block; height:10px; border-radius:5px; background:var(--one); min-width:2px; }
.bars em { font-style:normal; color:var(--soft); font-variant-numeric:tabular-nums; }
.samples { display:grid; grid-template-columns:repeat(auto-fill,minmax(72px,1fr)); gap:12px; }
.samples figure { margin:0; text-align:center; font-size:12.5px; color:var(--soft); }
.samples img { width:100%; border-radius:6px; border:2px solid var(--line);
  image-rendering:pixelated; }
.samples .miss img { border-color:var(--bad); } .samples .miss figcaption { color:var(--bad); }
footer { margin-top:40px; color:var(--soft); font-size:13.5px; }
code { font-size:.92em; }
"""


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
    tiles = "".join(
        f'<div class="card"><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>'
        for name, value in facts.items()
    )
    versions = " &middot; ".join(
        f"{html.escape(k)} {html.escape(v)}" for k, v in environment.items()
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>kapps demo</title>
<style>{STYLE}</style>
<main>
<h1>From a photo to a phone</h1>
<p>What <code>kapps demo</code> did on this machine: a pretrained model, one trained from scratch,
one fine-tuned, both exported and run on the phone's runtime.</p>
<div class="facts">{tiles}</div>
<h2>Exported models on LiteRT</h2>
<p>Every file was run on the LiteRT runtime over the same held-out images. Agreement is how often
its answer is that of the Keras model.</p>
<div class="card scroll">{_table(rows)}</div>
<h2>A photo, classified</h2>
<p>EfficientNet-Lite0 with its published ImageNet weights.</p>
<div class="grid2">{"".join(map(_photo, photos))}</div>
{"".join(map(_story, stories))}
<footer>{versions}</footer>
</main>
</html>
"""


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
    image = f'<img alt="{html.escape(photo.name)}" src="{_data_url(photo.pixels, "JPEG")}">'
    return f'<div class="card photo">{image}<div class="bars">{bars}</div></div>'


def _story(story: Story) -> str:
    charts = "".join(
        f'<div class="card">{_svg.line_chart(title, series, percent=share)}</div>'
        for title, series, share in story.charts
    )
    samples = "".join(
        f'<figure class="{"hit" if s.true == s.predicted else "miss"}">'
        f'<img alt="{html.escape(s.true)}" src="{_data_url(s.pixels, "PNG")}">'
        f"<figcaption>{_answer(s)}</figcaption></figure>"
        for s in story.samples
    )
    return f"""<h2>{html.escape(story.title)}</h2>
<p>{html.escape(story.text)}</p>
<div class="grid2">{charts}</div>
<div class="grid2" style="margin-top:16px">
<div class="card">{_svg.confusion(story.confusion, story.labels)}</div>
<div class="card"><div class="samples">{samples}</div></div>
</div>
"""


def _answer(sample: Sample) -> str:
    said = f"{html.escape(sample.predicted)} {sample.score:.0%}"
    if sample.true == sample.predicted:
        return said
    return f"{said}, is {html.escape(sample.true)}"


def _data_url(pixels: np.ndarray, format: str) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.squeeze(pixels)).save(buffer, format, quality=85)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{format.lower()};base64,{data}"
