"""What YOLOv5u, v8 and World share of their names: modules are numbered as in the model's YAML."""

import numpy as np

from kapps.errors import WeightsError
from kapps.weights.dialects._dialect import Dialect

UNIT = ((r"\.conv", "_conv"), (r"\.bn", "_norm"))


def units(*rows: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Rows for convolutions with a normalisation: (module, layer without its suffix)."""
    return tuple((m + ending, layer + suffix) for m, layer in rows for ending, suffix in UNIT)


def ultralytics(
    blocks, convolutions: dict[int, str], pyramid: int, head: int, last: str = "predictions"
) -> Dialect:
    """The dialect of a network.

    Args:
        blocks: (number, layer, names of its convolutions cv1, cv2, ...) of each block.
        convolutions: number -> layer.
        pyramid, head: the numbers of the pooling and of the head.
        last: what we call the last convolution for classes.
    """
    own = [(rf"model\.{number}", layer) for number, layer in convolutions.items()]
    for number, layer, names in blocks:
        own += [(rf"model\.{number}\.cv{i}", f"{layer}_{name}") for i, name in enumerate(names, 1)]
        own.append((rf"model\.{number}\.m\.(\d+)\.cv(\d)", f"{layer}_block{{0:+1}}_{{1}}"))
    own += [
        (rf"model\.{pyramid}\.cv1", "stage4_pyramid_reduce"),
        (rf"model\.{pyramid}\.cv2", "stage4_pyramid_merge"),
    ]
    ends = []
    for branch, kind, layer in (("cv2", "box", "regression"), ("cv3", "class", last)):
        own.append(
            (rf"model\.{head}\.{branch}\.(\d)\.([01])", f"head_{kind}{{0:+3}}_block{{1:+1}}")
        )
        ends.append((rf"model\.{head}\.{branch}\.(\d)\.2", f"head_{kind}{{0:+3}}_{layer}"))
    bins = rf"model\.{head}\.dfl\.conv\.weight"
    return Dialect(
        "ultralytics",
        "torch",
        rows=(*units(*own), *ends),
        ignore=(bins,),  # 0, 1, ..., 15, which `Distances` counts itself
        check=_whole_numbers,
    )


def _whole_numbers(arrays, _normalization) -> None:
    """Refuse distributions over anything but 0, 1, ..., which would be another coding."""
    for name, array in arrays.items():
        if name.endswith("dfl.conv.weight") and not np.array_equal(
            array.ravel(), np.arange(array.size)
        ):
            raise WeightsError(
                f"{name} is {array.ravel()[:4].tolist()}...; expected 0, 1, ..., {array.size - 1}, "
                "as in every published file"
            )
