"""How each figure is drawn from what its page computed."""

import io
import math
import re

import numpy as np
from PIL import Image

from kapps.reports import charts

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


def batchnorm(space: dict) -> str:
    logs = {
        "without": [math.log10(v) for v in space["without"]],
        "BatchNorm": [math.log10(v) for v in space["with_norm"]],
    }
    return lines("log10 of the deviation", logs, ("layer", ""))


def degradation(space: dict) -> str:
    return lines("training loss", space["losses"], ("epoch", ""))


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


# Page -> (a variable that must be there, the file, how it is drawn).
FIGURES = {
    "neuron": [("mistakes", "perceptron.svg", mistakes)],
    "convolution": [("edges", "sobel.png", sobel)],
    "sizes": [("layers", "alexnet_shares.svg", shares)],
    "receptive": [("share", "effective_field.svg", effective)],
    "gradients": [("he", "gradients.svg", gradients)],
    "batchnorm": [("without", "batchnorm.svg", batchnorm)],
    "degradation": [("losses", "degradation.svg", degradation)],
    "ilsvrc": [("entered", "ilsvrc.svg", ilsvrc)],
    "boxes": [("envelope", "precision_recall.svg", saw)],
}
