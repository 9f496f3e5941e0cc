"""The paper that all reports are printed on: one HTML file with its style and pictures in it."""

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

COLOURS = 6  # of lines; more than that are not told apart

STYLE = """
:root { color-scheme: light dark; --page:#f6f7f9; --card:#fff; --ink:#1b2330; --soft:#5b6675;
  --line:#e3e7ec; --one:#2563c9; --two:#d9642b; --three:#5a8f3c; --good:#2563c9; --bad:#c8372d;
  --four:#8a4fc0; --five:#0f8a8a; --six:#b3447a; }
@media (prefers-color-scheme: dark) { :root { --page:#12161c; --card:#1a2029; --ink:#e6eaf0;
  --soft:#98a4b3; --line:#2b3440; --one:#6ea3f5; --two:#f09561; --three:#96c878; --good:#6ea3f5;
  --bad:#f0776e; --four:#b892e8; --five:#5cc4c4; --six:#e58ab5; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--page); color:var(--ink);
  font:16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width:1080px; margin:0 auto; padding:40px 20px 64px; }
h1 { font-size:30px; line-height:1.2; margin:0 0 6px; letter-spacing:-.01em; }
h2 { font-size:20px; margin:40px 0 4px; }
p { margin:0 0 14px; color:var(--soft); max-width:70ch; }
.card { background:var(--card); border:1px solid var(--line); border-radius:12px; padding:18px; }
.grid2 { display:grid; grid-template-columns:repeat(auto-fit,minmax(330px,1fr)); gap:16px; }
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
svg .mark { stroke:var(--soft); stroke-dasharray:3 4; } svg .leader { stroke:var(--soft); }
.line.s1 { stroke:var(--one); } .line.s2 { stroke:var(--two); } .line.s3 { stroke:var(--three); }
.line.s4 { stroke:var(--four); } .line.s5 { stroke:var(--five); } .line.s6 { stroke:var(--six); }
.dot.s4 { fill:var(--four); } .dot.s5 { fill:var(--five); } .dot.s6 { fill:var(--six); }
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
.legend { display:flex; flex-wrap:wrap; gap:6px 20px; margin:0 0 14px; font-size:14px; }
.legend i { display:inline-block; width:10px; height:10px; border-radius:5px; margin-right:7px; }
.legend .s1 { background:var(--one); } .legend .s2 { background:var(--two); }
.legend .s3 { background:var(--three); } .legend .s4 { background:var(--four); }
.legend .s5 { background:var(--five); } .legend .s6 { background:var(--six); }
.map { position:relative; aspect-ratio:1; border:1px solid var(--line); border-radius:8px; }
.point { position:absolute; width:9px; height:9px; margin:0 0 -4px -4px; border-radius:5px; }
.point > span { display:none; position:absolute; top:12px; padding:6px; border-radius:8px;
  background:var(--card); border:1px solid var(--line); font-size:12px; width:120px; }
.point > .left { right:0; } .point > .right { left:0; }
.point img { width:100%; display:block; image-rendering:pixelated; border-radius:4px; }
.point:hover, .point:focus { z-index:2; outline:2px solid var(--ink); }
.point:hover > span, .point:focus > span { display:block; }
.gap { margin-top:16px; } h3 { font-size:16px; margin:0 0 4px; } .card p { font-size:14.5px; }
details { margin-top:40px; } summary { cursor:pointer; font-size:20px; font-weight:600; }
td { overflow-wrap:anywhere; } td:first-child { overflow-wrap:break-word; } /* a name stays whole */
td.n { white-space:nowrap; } .whole td { overflow-wrap:normal; }
main:has(.wide) { max-width:none; } .wide td { white-space:nowrap; }
footer { margin-top:40px; color:var(--soft); font-size:13.5px; }
code { font-size:.92em; }
"""


def page(title: str, body: str, footer: str = "") -> str:
    """A whole page.

    Args:
        title: of the browser's tab, as plain text.
        body: HTML.
        footer: HTML of the last line.
    """
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
<main>
{body}
<footer>{footer}</footer>
</main>
</html>
"""


def tiles(facts: Iterable[tuple[str, str]]) -> str:
    """A few numbers, large: (name, text) each."""
    cards = "".join(
        f'<div class="card"><b>{html.escape(text)}</b><span>{html.escape(name)}</span></div>'
        for name, text in facts
    )
    return f'<div class="facts">{cards}</div>'


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; columns of numbers begin with ">"."""
    kinds = [" class=n" if name.startswith(">") else "" for name in columns]
    head = "".join(
        f"<th{kind}>{html.escape(name.removeprefix('>'))}</th>"
        for name, kind in zip(columns, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{html.escape(str(cell))}</td>"
            for cell, kind in zip(row, kinds, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def legend(names: Sequence[str]) -> str:
    """Which colour is whose, for charts with lines of these names in this order."""
    spans = "".join(
        f'<span><i class="s{number}"></i>{html.escape(name)}</span>'
        for number, name in enumerate(names, 1)
    )
    return f'<div class="legend">{spans}</div>'


def versions(environment: Mapping[str, str]) -> str:
    """Names and versions for the footer."""
    return " &middot; ".join(f"{html.escape(k)} {html.escape(v)}" for k, v in environment.items())


def data_url(pixels: np.ndarray, format: str = "PNG") -> str:
    """A picture (h, w), (h, w, 1) or (h, w, 3) of uint8 as an address that holds it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(
        buffer, format, quality=85
    )
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{format.lower()};base64,{data}"
