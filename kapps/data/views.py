"""What training sees of a picture: one view of it, or several that differ."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kapps.data import augment as augmentation
from kapps.data.looks import Look
from kapps.data.transforms import Transform


@dataclasses.dataclass(frozen=True)
class View:
    """One of several views of a picture, as semi- and self-supervised training takes them.

    Attributes:
        augment: the policy of this view, such as a weak and a strong one; None for that of `load`.
        size: pixels of this view, a number or (height, width), for crops of several sizes.
        scale: least and largest share of the picture's area that it shows.
        cut_only: of the policy only how it cuts and mirrors the photo.
        of_first: it is made of the piece that the first view shows, before that one is changed.
    """

    augment: Any = None
    size: int | tuple[int, int] | None = None
    scale: tuple[float, float] | None = None
    cut_only: bool = False
    of_first: bool = False


def looks(
    rule: Transform, augment: Any, views: int | Sequence[View], training: bool
) -> list[tuple[augmentation.Policy, Look]]:
    """For each view what is done to a batch, and how a picture is looked at.

    Args:
        rule: how a picture becomes pixels.
        augment: the policy of views that name none.
        views: how many, or what differs between them.
        training: whether pieces are random.

    Raises:
        ValueError: views that cannot be.
    """
    if isinstance(views, int):
        if views < 1:
            raise ValueError(f"views={views!r} is not a whole number above 0.")
        views = [View()] * views
    if not views or (not training and list(views) != [View()]):
        raise ValueError(
            f"views={views!r} need training=True and at least one; to judge, a picture has one."
        )
    if views[0].of_first or any(v.of_first and (v.size or v.scale) for v in views):
        raise ValueError(
            f"views={views!r}: of_first is for a later view, which then has the first one's size "
            "and scale; drop it or them."
        )
    found: list[tuple[augmentation.Policy, Look]] = []
    for view in views:
        policy = augmentation.policy(view.augment or augment)
        if view.cut_only:
            policy = augmentation.Policy(policy.piece, policy.cut, mosaic=policy.mosaic)
        changes: dict[str, Any] = {"training": training and policy.piece}
        if training:
            changes |= policy.cut
        if view.size is not None:
            changes["size"] = view.size
        if view.scale is not None:
            changes["scale"] = view.scale
        transform = found[0][1].transform if view.of_first else rule.replace(**changes)
        mosaic = policy.mosaic if training else None
        found.append((policy, Look(transform, policy.picture, view.of_first, mosaic)))
    return found
