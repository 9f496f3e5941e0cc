"""Names beside the points of a chart: none lies on another, on a point, or on a line."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

HEIGHT = 12.0  # pixels of a line of small text
LETTER = 7.2  # pixels of a letter of it, about
DOT = 4.0  # radius of a point
NEAR = 3.0  # pixels between a point and its name; other names stay as far away from it
RINGS, ANGLES, STEP = 20, 16, 8.0  # places around a point that are tried, and pixels between rings
ROUNDS = 4
# The sides of the point where a name stands, in the order of liking; (1, 0) is right of it.
SIDES = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1))

Place = tuple[float, float]
Segment = tuple[Place, Place]


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def within(self, other: "Box") -> bool:
        across = other.left <= self.left and self.right <= other.right
        return across and other.top <= self.top and self.bottom <= other.bottom

    def nearest(self, place: Place) -> Place:
        """The place of the rectangle that is nearest to one outside of it."""
        x, y = place
        return min(max(x, self.left), self.right), min(max(y, self.top), self.bottom)

    def cut_by(self, segment: Segment) -> bool:
        """Whether a line goes through it, by Liang and Barsky (1984)."""
        (x, y), (to_x, to_y) = segment
        first, last = 0.0, 1.0
        for start, way, low, high in (
            (x, to_x - x, self.left, self.right),
            (y, to_y - y, self.top, self.bottom),
        ):
            if way == 0:
                if not low < start < high:
                    return False
                continue
            enters, leaves = sorted(((low - start) / way, (high - start) / way))
            first, last = max(first, enters), min(last, leaves)
        return first < last


@dataclass(frozen=True)
class Label:
    """Where a name stands.

    Attributes:
        box: around it.
        anchor: which end of it is fixed, "start", "middle" or "end": the one near its point, for
            the width of letters is not known.
        leader: a thin line from its point, where it stands away from it.
    """

    box: Box
    anchor: str
    leader: Segment | None = None

    @property
    def x(self) -> float:
        """Of the end that is fixed."""
        ends = {"start": self.box.left, "end": self.box.right}
        return ends.get(self.anchor, (self.box.left + self.box.right) / 2)


def placed(
    points: Mapping[str, Place], frame: Box, lines: Sequence[Segment] = ()
) -> dict[str, Label]:
    """A place for each name, the same for the same points.

    One after another, from the most crowded point on, takes the first free place: beside its point
    or, ring by ring, away from it; in further rounds each may move, now that all others stand.
    Where none is free it is the one with the fewest collisions.

    Args:
        points: name -> its point in pixels.
        frame: names stay inside.
        lines: that names stay clear of.
    """
    order = sorted(points, key=lambda name: (-_crowd(name, points), name))
    found: dict[str, Label] = {}
    for _ in range(ROUNDS):
        before = dict(found)
        for name in order:
            dots = [place for other, place in points.items() if other != name]
            others = [label for other, label in found.items() if other != name]
            tried = [label for label in _candidates(name, points[name]) if label.box.within(frame)]
            found[name] = _best(tried or _candidates(name, points[name]), dots, others, lines)
        if found == before:
            break
    return {name: found[name] for name in points}


def _best(tried: Iterable[Label], dots, others: Sequence[Label], lines) -> Label:
    """The first label without a collision, or one with the fewest."""
    names = [label.box for label in others]
    kept = [*names, *(_around(dot, DOT + NEAR) for dot in dots)]
    passed = [*names, *(_around(dot, DOT) for dot in dots)]
    drawn = [*lines, *(label.leader for label in others if label.leader)]

    def cost(label: Label) -> int:
        found = 10 * sum(map(label.box.overlaps, kept)) + 5 * sum(map(label.box.cut_by, drawn))
        if label.leader and found < least:  # a thin line across another is the least evil
            found += 5 * sum(box.cut_by(label.leader) for box in passed)
            found += sum(_cross(label.leader, other) for other in drawn)
        return found

    least, best = math.inf, None
    for label in tried:
        if (found := cost(label)) < least:
            least, best = found, label
        if not found:
            break
    return best


def _candidates(name: str, point: Place) -> Iterator[Label]:
    """Places of a name around its point, the nearest first."""
    x, y = point
    width, away = LETTER * len(name), DOT + NEAR
    for across, down in SIDES:
        middle = x + across * (away + width / 2), y + down * (away + HEIGHT / 2)
        yield Label(_centred(middle, width), ("middle", "start", "end")[across])
    for ring in range(1, RINGS + 1):
        for turn in range(ANGLES):
            angle = 2 * math.pi * turn / ANGLES
            across = math.cos(angle) * (away + ring * STEP + width / 2)
            down = math.sin(angle) * (away + ring * STEP + HEIGHT / 2)
            box = _centred((x + across, y + down), width)
            anchor = "start" if box.left > x else "end" if box.right < x else "middle"
            yield Label(box, anchor, (point, box.nearest(point)))


def _centred(middle: Place, width: float) -> Box:
    x, y = middle
    return Box(x - width / 2, y - HEIGHT / 2, x + width / 2, y + HEIGHT / 2)


def _around(place: Place, reach: float) -> Box:
    x, y = place
    return Box(x - reach, y - reach, x + reach, y + reach)


def _crowd(name: str, points: Mapping[str, Place]) -> int:
    """How many points are within the length of the name."""
    return sum(math.dist(points[name], place) < LETTER * len(name) for place in points.values())


def _cross(one: Segment, other: Segment) -> bool:
    def side(a: Place, b: Place, c: Place) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    (a, b), (c, d) = one, other
    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
