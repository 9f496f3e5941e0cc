"""How each figure is drawn from what its page computed."""

import io
import json
import math
import re

import numpy as np
from PIL import Image

from kapps.inspect import painting
from kapps.reports import charts

TILE = 33  # pixels of what an activation sees, enlarged
# On light and on dark paper: pictures of a page cannot see which it is.
COLOURS = ("#3b7ddd", "#e07b39", "#5f9e45", "#9a5fd0")
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;fill:#7b8794}"
    ".chart-title{font-size:13px;font-weight:600}.tick{font-size:11.5px}"
    ".grid{stroke:#8a94a3;stroke-opacity:.35}.line{fill:none;stroke-width:2.2}"
    ".mark{stroke:#8a94a3;stroke-dasharray:3 4}"
) + "".join(f".line.s{i}{{stroke:{c}}}.dot.s{i}{{fill:{c}}}" for i, c in enumerate(COLOURS, 1))


def alone(svg: str) -> str:
    """A chart of `kapps.reports.charts` as a file."""
    head, _, rest = svg.partition(">")
    width, height = re.search(r'viewBox="0 0 (\d+) (\d+)"', head).groups()
    size = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    return f"{head.replace('<svg ', size, 1)}><style>{STYLE}</style>{rest}\n"


def lines(title: str, series: dict, axes: tuple[str, str], **how) -> str:
    """Curves through (1, 2, ...) or given places."""
    points = {
        name: values if isinstance(values[0], tuple) else list(enumerate(values, 1))
        for name, values in series.items()
    }
    if len(points) > 1:  # the names of the lines take the place of the title
        axes, title = (f"{axes[0]}; up: {title}", axes[1]), ""
    return alone(charts.curve(title, points, axes=axes, width=560, **how))


def mistakes(space: dict) -> str:
    title = "mistakes among four rows"
    return lines(title, space["mistakes"], ("epoch", ""))


def sobel(space: dict) -> bytes:
    photo, edges = space["photo"], np.abs(space["edges"])
    edges = np.pad(edges / edges.max() * 255 * 1.5, 1).clip(0, 255)
    both = np.concatenate([photo, np.full((len(photo), 8), 255), edges], axis=1)
    buffer = io.BytesIO()
    Image.fromarray(both.astype("uint8")).convert(
        "P", palette=Image.Palette.ADAPTIVE, colors=32
    ).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def shares(space: dict) -> str:
    layers, params, macs = space["layers"], space["params"], space["macs"]
    series = {
        "parameters": [100 * p / params for p, _ in layers.values()],
        "multiply-adds": [100 * m / macs for _, m in layers.values()],
    }
    title = "percent of the whole"
    return lines(title, series, ("layer", ""))


def effective(space: dict) -> str:
    pairs = list(zip(space["places"].tolist(), space["share"].tolist(), strict=True))
    title = "weight of each pixel behind ten 3-wide layers"
    return lines(title, {"weight": pairs}, ("pixels from the middle", ""))


def gradients(space: dict) -> str:
    series = {
        "He, ReLU": space["he"][1],
        "half of it, ReLU": space["glorot"][1],
        "sigmoid": space["through_sigmoid"][1],
    }
    logs = {name: [math.log10(v) for v in values] for name, values in series.items()}
    return lines("log10 of the gradient's deviation", logs, ("layer", ""))


def gradient_flow(space: dict) -> str:
    series = {}
    for name, norms in space["kernels"].items():
        for step in (1, 20) if name == "plain" else (1,):
            series[f"{name}, {step}"] = [math.log10(v) for v in norms[:, step - 1]]
    return lines("log10 of the norm", series, ("kernel", ""))


def batchnorm(space: dict) -> str:
    logs = {
        "without": [math.log10(v) for v in space["without"]],
        "BatchNorm": [math.log10(v) for v in space["with_norm"]],
    }
    return lines("log10 of the deviation", logs, ("layer", ""))


def degradation(space: dict) -> str:
    shown = {name: space["losses"][name] for name in ("plain-20", "plain-44", "ResNet-44")}
    return lines("training loss", shown, ("epoch", ""))


def by_depth(space: dict) -> str:
    """Of what tools/results measured on pictures that this page cannot bring."""
    del space
    from tools.results.__main__ import MEASURED

    measured = json.loads(MEASURED.read_text("utf-8"))["degradation"]
    errors = {name: seeds["0"]["train_error"] for name, seeds in measured.items()}
    series: dict[str, list] = {}
    for name, error in errors.items():
        kind, depth = name.split("-")
        series.setdefault(kind, []).append((int(depth), 100 * error))
    series = {kind: sorted(points) for kind, points in series.items()}
    return lines("error on the training pictures, percent", series, ("layers", ""))


def ilsvrc(space: dict) -> str:
    return lines(
        "top-5 error on the test pictures, percent", {"entered": space["entered"]}, ("year", "")
    )


def saw(space: dict) -> str:
    recall = space["recall"].tolist()
    series = {
        "precision": list(zip(recall, space["precision"].tolist(), strict=True)),
        "envelope": list(zip(recall, space["envelope"].tolist(), strict=True)),
    }
    return lines("precision", series, ("recall", ""), percent=True)


def deconvnet(space: dict) -> bytes:
    """Four filters a layer, each the digits it answers to above what in them it did."""
    digits, blocks = space["digits"], []
    for found in space["strongest"].values():
        panes = []
        for top in [one[:4] for one in found if len(one) >= 4][:4]:
            pictures = [digits[one.image][..., 0].astype("uint8") for one in top]
            pictures += [painting.grey(one.projection[..., 0]) for one in top]
            panes.append(np.asarray(painting.tiles(pictures, columns=4)))
        rows = [_beside(panes[i : i + 2], axis=1) for i in (0, 2)]
        blocks.append(_beside(rows, axis=0))
    return _png(_beside(blocks, axis=0, room=24).repeat(2, axis=0).repeat(2, axis=1))


def deconvnet_photos(space: dict) -> bytes:
    """Six filters a layer, each the pieces of photos it answers to above what in them it did."""
    pieces, blocks = space["pieces"], []
    for found in space["in_photos"].values():
        panes = []
        for top in [one for one in found if len(one) == 3][:6]:
            cuts = [(pieces[one.image], one) for one in top]
            shown = [_seen(piece, one).astype("uint8") for piece, one in cuts]
            shown += [painting.grey(_seen(one.projection, one)) for _, one in cuts]
            panes.append(np.asarray(painting.tiles(shown, columns=3)))
        blocks.append(_beside(panes, axis=1))
    return _png(_beside(blocks, axis=0, room=24).repeat(2, axis=0).repeat(2, axis=1))


def _seen(picture: np.ndarray, one) -> np.ndarray:
    """What an activation sees of a picture, a tile of one size for all layers."""
    left, top, right, bottom = one.box
    cut = picture[top:bottom, left:right]
    steps = [-(-TILE // side) for side in cut.shape[:2]]
    return cut.repeat(steps[0], axis=0).repeat(steps[1], axis=1)[:TILE, :TILE]


def attention(space: dict) -> bytes:
    """Three digits: the picture, the last attention, the rollout, the mask."""
    from kapps import inspect

    size, pictures = (128, 128), []
    labels = space["data"].target[1400:1700]
    for digit in (2, 5, 8):
        number = int(np.flatnonzero(labels == digit)[0])
        photo = space["seen"][number].astype("uint8").repeat(4, axis=0).repeat(4, axis=1)
        heats = [space[name][number][None] for name in ("last", "rolled")]
        mask = inspect.masks(heats[0])[0].repeat(16, axis=0).repeat(16, axis=1)
        pictures.append(photo[..., 0])
        for heat in heats:
            shares = painting.scaled(inspect.resized(heat, size)[0])
            pictures.append(np.asarray(painting.over(photo, shares)))
        pictures.append(np.where(mask, photo[..., 0], photo[..., 0] // 4))
    return _png(np.asarray(painting.tiles(pictures, columns=4)))


def _beside(pictures: list, axis: int, room: int = 8) -> np.ndarray:
    """Pictures of one size with white between them."""
    shape = list(pictures[0].shape)
    shape[axis] = room
    gap = np.full(shape, 255, "uint8")
    return np.concatenate([part for one in pictures for part in (one, gap)][:-1], axis=axis)


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels.astype("uint8"))
    image.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


# Page -> (a variable that must be there, the file, how it is drawn).
FIGURES = {
    "neuron": [("mistakes", "perceptron.svg", mistakes)],
    "convolution": [("edges", "sobel.png", sobel)],
    "sizes": [("layers", "alexnet_shares.svg", shares)],
    "receptive": [("share", "effective_field.svg", effective)],
    "gradients": [
        ("he", "gradients.svg", gradients),
        ("kernels", "gradient_flow.svg", gradient_flow),
    ],
    "batchnorm": [("without", "batchnorm.svg", batchnorm)],
    "degradation": [
        ("losses", "degradation.svg", degradation),
        ("plain", "degradation_depth.svg", by_depth),
    ],
    "ilsvrc": [("entered", "ilsvrc.svg", ilsvrc)],
    "deconvnet": [
        ("strongest", "deconvnet.png", deconvnet),
        ("in_photos", "deconvnet_photos.png", deconvnet_photos),
    ],
    "attention": [("rolled", "attention.png", attention)],
    "boxes": [("envelope", "precision_recall.svg", saw)],
}
