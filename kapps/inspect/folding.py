"""Fold the graph of a network of hundreds of layers into a dozen boxes.

A block becomes one box, and so do blocks of a kind that follow each other. Blocks are known by
their names ("stage2_block3_...", and those of keras.applications) or, where the names tell nothing,
by their shape: what lies between two layers through which everything passes. Outside of blocks a
convolution takes along the normalisation and the activation behind it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kapps.inspect.graph import Box

NAMES = (
    re.compile(r"((?:head_)?stage\d+_block\d+)(?:_|$)"),
    re.compile(r"(head_up\d+)(?:_|$)"),  # of U-Net
    re.compile(r"(head_(?:class|box))_"),  # of a detector, for all its maps
    re.compile(r"(neck_\d+)_"),  # of EfficientDet
    re.compile(r"(conv\d+_block\d+|block_?\d+[a-z]*)_"),  # of keras.applications
)
POINTWISE = ("Activation", "BatchNormalization", "LayerNormalization", "GroupNormalization")
POINTWISE += ("ReLU", "LeakyReLU", "PReLU", "Dropout", "LayerScale", "StochasticDepth")
STARTS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense", "MaxPooling2D")
STARTS += ("AveragePooling2D", "ZeroPadding2D")
FEW = 2  # boxes that do the same side by side are drawn on their own; more are drawn as one
SILENT = (*POINTWISE, "ZeroPadding2D", "InputLayer", "Rescaling")  # not told of a block
MOST = 4  # words that are told of a block


@dataclass
class _Group:
    """Boxes that become one."""

    name: str
    members: list[Box] = field(default_factory=list)
    blocks: int = 1  # that it repeats; 0 of what is no block

    @property
    def main(self) -> Box:
        """Of what is no block, the layer that it is about: a convolution, and not its padding."""
        return next((b for b in self.members if b.kind != "ZeroPadding2D"), self.members[0])

    @property
    def shown(self) -> str:
        """The name of its box."""
        return self.name if self.blocks else self.main.name

    @property
    def signature(self) -> tuple:
        """Equal where blocks are drawn alike; the filters of DenseNet grow within a stage."""
        texts = (re.sub(r", \d+ (filters|units)", "", box.text) for box in self.members)
        place = self.members[-1].shape.rpartition("x")[0]
        return tuple(sorted(texts)), place


def fold(graph: Sequence[Box]) -> list[Box]:
    """The same graph with fewer boxes, parents before children.

    Args:
        graph: of `kapps.inspect.graph.boxes`.

    Returns:
        Boxes whose `kind` is "Block" where they stand for one or more blocks; their `text` then
        says what is in one of them.
    """
    groups = _assigned(graph)
    groups = _ordered(graph, groups)
    return _side_by_side(_drawn(_repeated(groups)))


def _assigned(graph: Sequence[Box]) -> dict[str, _Group]:
    """Name of each box -> its group."""
    where: dict[str, _Group] = {}
    named: dict[str, _Group] = {}
    for box in graph:
        match = next((m for pattern in NAMES if (m := pattern.match(box.name))), None)
        if match:
            group = named.setdefault(match[1], _Group(match[1]))
            group.members.append(box)
            where[box.name] = group
    if not named:
        where = _between_cuts(graph)
    for group in list({id(g): g for g in where.values()}.values()):
        if len(group.members) == 1 or all(box.kind in SILENT for box in group.members):
            for box in group.members:  # a layer is no block
                del where[box.name]
    children = _children(graph)
    for box in graph:
        if box.name in where:
            continue
        parent = box.parents[0] if len(box.parents) == 1 else None
        before = where.get(parent)
        alone = parent and len(children[parent]) == 1
        if alone and before and not before.blocks and _goes_with(before.members[-1], box):
            before.members.append(box)
            where[box.name] = before
        else:
            where[box.name] = _Group(box.name, [box], blocks=0)
    return where


def _goes_with(before: Box, box: Box) -> bool:
    if before.kind == "ZeroPadding2D":
        return box.kind in STARTS
    return box.kind in POINTWISE and before.kind in (*STARTS, *POINTWISE)


def _between_cuts(graph: Sequence[Box]) -> dict[str, _Group]:
    """Groups of what lies between layers through which everything passes."""
    children = _children(graph)
    waiting: dict[str, int] = {}
    where: dict[str, _Group] = {}
    inside: list[Box] = []
    for box in graph:
        for parent in box.parents:
            waiting[parent] -= 1
        inside.append(box)
        waiting[box.name] = len(children[box.name])
        waiting = {name: count for name, count in waiting.items() if count}
        if set(waiting) <= {box.name}:
            last = where.get(box.parents[0]) if len(box.parents) == 1 else None
            if len(inside) > 1:
                group = _Group(box.name, inside)
                where |= {one.name: group for one in inside}
            elif last and box.kind in POINTWISE:
                last.members.append(box)
                where[box.name] = last
            inside = []
    return where


def _ordered(graph: Sequence[Box], where: dict[str, _Group]) -> list[_Group]:
    """The groups, parents before children; one that would feed itself is taken apart."""
    while True:
        groups = list({id(where[box.name]): where[box.name] for box in graph}.values())
        needs = {
            id(group): {
                id(where[parent])
                for box in group.members
                for parent in box.parents
                if where[parent] is not group
            }
            for group in groups
        }
        done: list[_Group] = []
        ready: set[int] = set()
        while free := [g for g in groups if id(g) not in ready and needs[id(g)] <= ready]:
            done += free
            ready |= {id(group) for group in free}
        if len(done) == len(groups):
            return done
        stuck = max((g for g in groups if id(g) not in ready), key=lambda group: len(group.members))
        for box in stuck.members:
            where[box.name] = _Group(box.name, [box], blocks=0)


def _repeated(groups: list[_Group]) -> list[_Group]:
    """Blocks that are alike and follow each other as one group."""
    where = {box.name: group for group in groups for box in group.members}
    feeds: dict[int, set[int]] = {id(group): set() for group in groups}
    parents: dict[int, list[_Group]] = {}
    for group in groups:
        names = [parent for box in group.members for parent in box.parents]
        found = {id(where[p]): where[p] for p in names if where[p] is not group}
        parents[id(group)] = list(found.values())
        for one in found:
            feeds[one].add(id(group))
    result: list[_Group] = []
    into: dict[int, _Group] = {}
    for group in groups:
        before = parents[id(group)][0] if len(parents[id(group)]) == 1 else None
        alike = before and group.blocks and before.blocks and group.signature == before.signature
        if alike and len(feeds[id(before)]) == 1:
            head = into[id(before)]
            head.blocks += 1
            head.members = [*head.members, *group.members]
            into[id(group)] = head
        else:
            into[id(group)] = group
            result.append(group)
    return result


def _drawn(groups: list[_Group]) -> list[Box]:
    where = {box.name: group.shown for group in groups for box in group.members}
    result = []
    for group in groups:
        names = [where[parent] for box in group.members for parent in box.parents]
        parents = tuple(dict.fromkeys(name for name in names if name != group.shown))
        main, last = group.main, group.members[-1]
        if not group.blocks:
            rest = [b.text for b in group.members if b is not main and b.kind != "ZeroPadding2D"]
            text = " + ".join([main.text, *rest])
            box = replace(main, text=text, shape=last.shape, parents=parents)
            result.append(replace(box, count=len(group.members)))
            continue
        count = len(group.members)
        inside = _told(group.members[: count // group.blocks])
        text = f"{group.blocks} times: {inside}" if group.blocks > 1 else inside
        result.append(Box(group.name, "Block", text, last.shape, parents, count))
    return result


def _side_by_side(graph: list[Box]) -> list[Box]:
    """Layers of a kind between the same others, such as those of a detector's maps, as one."""
    children = _children(graph)
    alike: dict[tuple, list[Box]] = {}
    for box in graph:
        between = (box.kind, box.parents, tuple(sorted(children[box.name])))
        alike.setdefault(between, []).append(box)
    one = {b.name: own[0].name for own in alike.values() if len(own) > FEW for b in own}
    result = []
    for box in graph:
        parents = tuple(dict.fromkeys(one.get(name, name) for name in box.parents))
        if one.get(box.name, box.name) != box.name:
            continue
        if box.name in one:
            own = next(own for own in alike.values() if box in own)
            text = f"{len(own)} side by side: {box.text}"
            box = replace(box, text=text, shape="", count=sum(b.count for b in own))
        result.append(replace(box, parents=parents))
    return result


def _told(members: Sequence[Box]) -> str:
    """The layers of a block in a few words: "1x1 Conv, 3x3 Conv, 1x1 Conv, sum"."""
    words = [box.text.partition(", ")[0] for box in members if box.kind not in SILENT]
    words = words or [box.text for box in members]
    counts: dict[str, int] = {}
    if len(words) > MOST:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
        words = [word if n == 1 else f"{word} (x{n})" for word, n in counts.items()]
    more = len(words) - MOST
    return ", ".join(words[:MOST]) + (f" and {more} more" if more > 0 else "")


def _children(graph: Sequence[Box]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {box.name: [] for box in graph}
    for box in graph:
        for parent in box.parents:
            children[parent].append(box.name)
    return children
