"""Parameters and multiply-adds of every network that others count too, `references.tsv`.

Its rows are timm's own tables (parameters that train; multiply-adds as fvcore counts them), else
torchvision's, else Keras's or a count by hand; at their size of the input.
"""

import ast
import csv
import math
from pathlib import Path

import pytest
from keras import layers

import kapps
from kapps.applications import APPLICATIONS, facts
from kapps.inspect import count_macs
from kapps.layers import StandardizedConv2D
from tests.parity.quick import undrawn

with Path(__file__).with_name("references.tsv").open(encoding="utf-8") as file:
    ROWS = list(csv.DictReader(file, delimiter="\t"))
MORE = {  # by which timm's count is higher for another reason than those of `besides`
    # The attention of CLIP's last pool is computed for all places, of which one is kept.
    "CLIPResNet50": 0.06,
    "CLIPResNet101": 0.04,
    "CLIPResNet50x4": 0.04,
    # The perceptron of the position bias, which depends on no image, is counted for each.
    "SwinV2SmallW16": 0.015,
}


def near(macs: float, row: dict, tolerance: float = 0.01) -> bool:
    """Within 1 %, and what rounding to the row's decimals may hide."""
    half = 0.5 * 10 ** -len(row["gmacs"].partition(".")[2])
    stated = float(row["gmacs"])
    return abs(macs / 1e9 - stated) <= tolerance * stated + half


def apart(row: dict) -> bool:
    """Whether what is known of the application without building it says less than 1 %."""
    known = facts(row["application"])
    same = not row["arguments"] and known["size"] == int(row["size"])
    return bool(row["gmacs"]) and not (same and near(known["macs"], row))


def name(row: dict) -> str:
    return row["application"] + (f"({row['arguments']})" if row["arguments"] else "")


def test_parameters_are_those_of_the_reference():
    plain = [row for row in ROWS if not row["arguments"]]
    assert len(plain) > 280 and {row["application"] for row in plain} <= set(APPLICATIONS)
    counts = {name(row): (facts(name(row))["params"], int(row["parameters"])) for row in plain}
    off = {one: pair for one, pair in counts.items() if not math.isclose(*pair, rel_tol=0.0015)}
    assert not off  # Keras's ResNets have biases: 0.13 %


def besides(model) -> int:
    """What fvcore counts beside products: 2 for each number that a batch normalisation gives (its
    statistics are known), 5 of a layer or group normalisation, 1 for each that a mean takes, and 4
    for each weight that is standardised."""
    count = 0
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            count += 2 * math.prod(layer.output.shape[1:])
        elif isinstance(layer, layers.LayerNormalization | layers.GroupNormalization):
            count += 5 * math.prod(layer.output.shape[1:])
        elif "AveragePool" in type(layer).__name__:
            count += math.prod(layer.input.shape[1:])
        if isinstance(layer, StandardizedConv2D):
            count += 4 * math.prod(layer.kernel.shape)
    return count


@pytest.mark.sweep
@pytest.mark.parametrize("row", [row for row in ROWS if apart(row)], ids=name)
def test_what_is_further_apart_counts_normalisations_or_is_another_graph(row):
    """The torch flavor (strides elsewhere), the size of the row, branches added up to one."""
    if row["reference"]:
        app, arguments = kapps.find_application(row["reference"]), {}
    else:
        app = kapps.applications.get(row["application"])
        words = (word.split("=") for word in row["arguments"].split(",") if word)
        arguments = {key: ast.literal_eval(value) for key, value in words}
    side = int(row["size"])
    with undrawn():
        model = app(weights=None, input_shape=(side, side, app.spec.channels), **arguments)
    model = kapps.reparameterize(model)
    macs = count_macs(model)
    tolerance = MORE.get(row["application"], 0.01)
    assert near(macs, row, tolerance) or near(macs + besides(model), row, tolerance)
