"""How good masks and joints are: COCO's own evaluator, by what it overlaps.

A thing whose outline nobody drew counts for masks as what stands apart does, by its box.
"""

from collections.abc import Sequence

import numpy as np

from kapps.detection import judging, pasting

OF_PEOPLE = 17  # joints of COCO, each of which has a tolerance of its own there


def judge_masks(
    truths: judging.Truths, found: Sequence[dict[str, np.ndarray]], classes: int
) -> judging.Judgement | None:
    """Compare masks in the pixels of the photos; None where nobody knows or says any.

    Args:
        truths, found, classes: as of `judging.judge`; "masks" of `found` are in its "frames", see
            `kapps.detection.answers.moved`.

    Raises:
        MissingPackageError: pycocotools is not installed.
    """
    if not known_outlines(truths.shapes) or not all("masks" in one for one in found):
        return None
    from pycocotools import mask

    known, counts = judging.rows_of(truths), np.zeros(classes, int)
    for row, (width, height), lines in zip(known, *_by_row(truths, "outlines"), strict=True):
        left, top, across, down = row["bbox"]
        right, bottom = left + across, top + down
        box = [np.array([[left, top], [right, top], [right, bottom], [left, bottom]])]
        row["iscrowd"] = int(row["iscrowd"] or not lines)
        counts[row["category_id"]] += not row["iscrowd"]
        polygons = [line.ravel().tolist() for line in lines or box]
        row["segmentation"] = mask.merge(mask.frPyObjects(polygons, height, width))
    said = iter(judging.rows_found(found))
    rows = []
    for one, (width, height) in zip(found, truths.sizes, strict=True):
        for i in range(len(one["scores"])):
            inside = pasting.paste_masks(
                one["masks"][i : i + 1], one["frames"][i : i + 1], (height, width)
            )
            written = mask.encode(np.asfortranarray(inside[0] >= pasting.INSIDE, np.uint8))
            rows.append(next(said) | {"segmentation": written})
    return judging.compared(known, rows, truths.sizes, counts, "segm")


def judge_joints(
    truths: judging.Truths, found: Sequence[dict[str, np.ndarray]], classes: int
) -> judging.Judgement | None:
    """Compare joints by COCO's object keypoint similarity; None where nobody knows or says any.

    The tolerance of a joint grows with the root of the thing's area, which is that of its outline,
    or of its box where nobody drew one. COCO's own 17 joints have a tolerance each; of others each
    has one divided by their number, as Ultralytics judges.

    Args:
        truths, found, classes: as of `judging.judge`; "keypoints" of `found` (n, joints, 3).

    Raises:
        MissingPackageError: pycocotools is not installed.
    """
    if not known_points(truths.shapes) or not all("keypoints" in one for one in found):
        return None
    known, counts = judging.rows_of(truths), np.zeros(classes, int)
    (_, points), (_, outlines) = _by_row(truths, "points"), _by_row(truths, "outlines")
    for row, own, lines in zip(known, points, outlines, strict=True):
        row["keypoints"] = own.ravel().tolist()
        row["num_keypoints"] = int((own[:, 2] > 0).sum())
        row["area"] = sum(map(_area, lines)) or row["area"]
        counts[row["category_id"]] += row["num_keypoints"] > 0 and not row["iscrowd"]
    rows = judging.rows_found(found)
    for row, own in zip(rows, (p for one in found for p in one["keypoints"]), strict=True):
        row["keypoints"] = own.ravel().tolist()
    joints = points[0].shape[0]
    own = {} if joints == OF_PEOPLE else {"kpt_oks_sigmas": np.full(joints, 1 / joints)}
    return judging.compared(known, rows, truths.sizes, counts, "keypoints", **own)


def known_outlines(shapes: Sequence | None) -> bool:
    """Whether somebody drew an outline."""
    return any(lines for one in shapes or () for lines in one.outlines)


def known_points(shapes: Sequence | None) -> int:
    """How many points a thing has, if somebody set any; else 0."""
    there = any((one.points[..., 2] > 0).any() for one in shapes or ())
    return max(one.points.shape[1] for one in shapes) if there else 0


def _by_row(truths: judging.Truths, name: str) -> tuple[list, list]:
    """The size of the photo, and what is known, of each row of `judging.rows_of`."""
    sizes, values = [], []
    for size, shapes in zip(truths.sizes, truths.shapes, strict=True):
        own = getattr(shapes, name)
        sizes += [size] * len(own)
        values += list(own)
    return sizes, values


def _area(line: np.ndarray) -> float:
    """Of a polygon (n, 2): the shoelace formula."""
    x, y = line.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
