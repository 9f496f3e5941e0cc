"""`kapps info FILE.tflite --layers` against the table of the Keras model behind the file."""

import json

import keras
import pytest

from kapps.inspect import layer_table
from kapps.recipes import info

LAYERS = ("stem_conv", "block_depthwise_conv", "block_project_conv")


@pytest.mark.parametrize("mode", ["float32", "float16", "int8"])
def test_the_operators_are_the_layers(exported, trained, mode, capsys):
    """In each mode; float16 unpacks its weights by an operator, and int8 stores bytes."""
    found = info.run(info.Settings(str(exported(mode).path), layers=True, json=True))
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["layers"]}
    model = keras.saving.load_model(trained)
    expected = {row.name: row for row in layer_table(model)}
    for name in LAYERS:
        own, row = expected[name], rows[name]
        for fact in ("macs", "kernel", "strides", "padding", "receptive_field", "jump", "centre"):
            value = getattr(own, fact)
            assert row[fact] == (list(value) if isinstance(value, tuple) else value), (name, fact)
        assert row["output_shape"][1:] == list(own.output_shape[1:])
        assert row["size_formula"] == own.size_formula
        assert row["activations"] == own.activations / (4 if mode == "int8" else 1)
    # The norms are in the kernels and in a bias a filter: 3x3x3x12 + 12, 3x3x12 + 12, 12x16 + 16.
    assert [rows[name]["params"] for name in LAYERS] == [336, 120, 208]
    assert rows["predictions"]["receptive_field"] is None
    assert found["totals"]["multiply-adds"] == f"{exported(mode).spec['macs']:,}"


def test_a_page_and_what_has_no_meaning(exported, tmp_path):
    file = str(exported("int8").model)
    out = tmp_path / "operators.html"
    info.run(info.Settings(file, layers=True, format="html", out=str(out)))
    assert "(3x3x3 + 1) x 12" in out.read_text("utf-8")
    with pytest.raises(ValueError, match="size=64 has no effect"):
        info.run(info.Settings(file, layers=True, size=64))
