"""Draw a graph of boxes as SVG that is legible on light and on dark paper.

The layout is that of Sugiyama, Tagawa and Toda (1981): a box stands one row below the lowest of its
parents, an arrow that passes a row takes a place in it, and the places of a row are ordered by the
mean place of their neighbours.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from kapps.inspect.graph import INPUT, OUTPUT, Box, arrows

GAP_X, GAP_Y, HEIGHT, MARGIN, LANE = 18, 26, 40, 10, 12  # pixels
LETTER = (7.7, 6.5)  # pixels of a letter of the first and the second line, about
SWEEPS = 8  # over the rows, to order and to place them
# The ink is dark on light boxes; arrows are grey, in the middle between black and white.
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;fill:#1b2330}"
    ".b{font-size:12.5px;font-weight:600}.n{font-size:11px;fill:#4a5564}"
    "rect{stroke:#8a94a3}path{fill:none;stroke:#8a94a3;stroke-width:1.5}.h{fill:#8a94a3;stroke:none}"
)
COLOURS = (  # what the class of a layer contains -> the colour of its box
    (("Block",), "#e4e0fb"),
    (("Conv",), "#d9e6fb"),
    (("Dense", "Attention"), "#fbe3d3"),
    (("Pool",), "#d8f0dc"),
    (("Norm", "Scale"), "#eceff3"),
    (("Activation", "ReLU"), "#fbf1cc"),
    (("Add", "Concatenate", "Multiply"), "#f8dbe6"),
)
PLAIN = "#ffffff"


@dataclass(eq=False)
class _Place:
    """A box, or an arrow on its way through a row."""

    row: int
    width: float
    box: Box | None = None
    x: float = 0.0  # of its middle


def svg(graph: Sequence[Box], title: str = "network") -> str:
    """A picture of boxes and arrows as one SVG element, from top to bottom.

    Args:
        graph: boxes, parents before children; parents that are no boxes are drawn as ends.
        title: for those who do not see it.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not graph:
        raise ValueError("a graph without boxes has no picture; give the layers of a model.")
    places, ways = _places(graph)
    rows = [[p for p in places if p.row == row] for row in range(max(p.row for p in places) + 1)]
    links = [pair for way in ways for pair in zip(way, way[1:], strict=False)]
    _arrange(rows, links)
    left = min(p.x - p.width / 2 for p in places) - MARGIN
    right = max(p.x + p.width / 2 for p in places) + MARGIN
    for place in places:
        place.x -= left
    width, height = right - left, 2 * MARGIN + len(rows) * HEIGHT + (len(rows) - 1) * GAP_Y
    body = "".join(map(_arrow, ways)) + "".join(_rect(p) for p in places if p.box)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}" role="img" class="kapps-graph">'
        f"<title>{html.escape(title)}</title><style>{_scoped(STYLE)}</style>{body}</svg>\n"
    )


def _scoped(style: str) -> str:
    """The style for this picture alone, since a page may hold it as a part of itself."""
    rules = (rule for rule in style.split("}") if rule)
    return "".join(f".kapps-graph {rule}}}" for rule in rules)


def lines(box: Box) -> tuple[str, str]:
    """What a box says: what it does, and its name with the shape of its output."""
    return box.text, " · ".join(filter(None, (box.name if box.name != box.text else "", box.shape)))


def _places(graph: Sequence[Box]) -> tuple[list[_Place], list[list[_Place]]]:
    """Places of boxes and of the arrows between, and the places that each arrow goes through."""
    ends = list(arrows(graph))
    outside = [Box(INPUT, "", INPUT)] if any(a == INPUT for a, _ in ends) else []
    everything = [*outside, *graph]
    if outside:  # of a part of a network; a whole one has layers that say as much
        everything.append(Box(OUTPUT, "", OUTPUT, parents=_ending(ends)))
    else:
        ends = [(a, b) for a, b in ends if b != OUTPUT]
    of: dict[str, _Place] = {}
    for box in everything:
        above = [of[parent].row for parent in box.parents if parent in of]
        of[box.name] = _Place(max(above) + 1 if above else 0, _width(box), box)
    for box in reversed(everything):  # what nothing feeds stands right above its first child
        if not box.parents and (below := [of[b].row for a, b in ends if a == box.name]):
            of[box.name].row = min(below) - 1
    places, ways = list(of.values()), []
    for parent, child in ends:
        first, last = of[parent], of[child]
        between = [_Place(row, LANE) for row in range(first.row + 1, last.row)]
        places += between
        ways.append([first, *between, last])
    return places, ways


def _ending(ends: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(name for name, end in ends if end == OUTPUT)


def _width(box: Box) -> float:
    sizes = (len(text) * letter for text, letter in zip(lines(box), LETTER, strict=True))
    return max(*sizes, 40) + 20


def _arrange(rows: list[list[_Place]], links: list[tuple[_Place, _Place]]) -> None:
    """Give each place its x: ordered so that few arrows cross, near the places it is linked to."""
    above: dict[_Place, list[_Place]] = {}
    below: dict[_Place, list[_Place]] = {}
    for a, b in links:
        above.setdefault(b, []).append(a)
        below.setdefault(a, []).append(b)
    for row in rows:
        _spread(row, [0.0] * len(row))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            near = above if down else below
            wanted = {p: _mean([q.x for q in near.get(p, ())], p.x) for p in row}
            if sweep < SWEEPS - 2:
                row.sort(key=wanted.__getitem__)
            _spread(row, [wanted[p] for p in row])


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _spread(row: list[_Place], wanted: Sequence[float]) -> None:
    """Place a row in its order without overlaps, as near to the wanted places as it goes.

    Places that would overlap are pushed together to one cluster around the mean of what its members
    want, as the algorithm of pooled adjacent violators does for a monotone regression.
    """
    clusters: list[tuple[float, int]] = []  # (mean of wanted - offset, members)
    offsets, at = [], 0.0
    for place in row:
        at += place.width / 2
        offsets.append(at)
        at += place.width / 2 + GAP_X
    for want, offset in zip(wanted, offsets, strict=True):
        clusters.append((want - offset, 1))
        while len(clusters) > 1 and clusters[-2][0] > clusters[-1][0]:
            (a, n), (b, m) = clusters[-2:]
            clusters[-2:] = [((a * n + b * m) / (n + m), n + m)]
    shifts = [shift for shift, count in clusters for _ in range(count)]
    for place, offset, shift in zip(row, offsets, shifts, strict=True):
        place.x = offset + shift


def _top(place: _Place) -> float:
    return MARGIN + place.row * (HEIGHT + GAP_Y)


def _arrow(way: list[_Place]) -> str:
    first, *between, last = way
    x, y = first.x, _top(first) + HEIGHT
    path = f"M{x:.1f} {y:.1f}"
    for place in [*between, last]:
        to, end = _top(place), place.x
        path += f"C{x:.1f} {y + GAP_Y / 2:.1f} {end:.1f} {to - GAP_Y / 2:.1f} {end:.1f} {to:.1f}"
        x, y = end, to
        if place is not last:
            y += HEIGHT
            path += f"V{y:.1f}"
    head = f'<path class="h" d="M{x - 4:.1f} {y - 7:.1f}h8l-4 7z"/>'
    return f'<path d="{path}"/>{head}'


def _rect(place: _Place) -> str:
    top, box = _top(place), place.box
    found = (colour for kinds, colour in COLOURS if any(kind in box.kind for kind in kinds))
    first, second = lines(box)
    middle = top + (17 if second else 24)
    text = f'<text class="b" text-anchor="middle" x="{place.x:.1f}" y="{middle:.1f}">'
    text += f"{html.escape(first)}</text>"
    if second:
        text += f'<text class="n" text-anchor="middle" x="{place.x:.1f}" y="{top + 32:.1f}">'
        text += f"{html.escape(second)}</text>"
    round_ = HEIGHT / 2 if not box.kind else 6
    return (
        f'<rect x="{place.x - place.width / 2:.1f}" y="{top:.1f}" width="{place.width:.1f}" '
        f'height="{HEIGHT}" rx="{round_:g}" fill="{next(found, PLAIN)}"/>{text}'
    )
