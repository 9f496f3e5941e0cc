"""The generated tables and pages: complete, current, and cheap to check."""

import json
import math
import subprocess
import sys

import pytest

import kapps
from kapps.applications import FAMILIES, facts
from kapps.inspect import graph
from kapps.weights import catalog
from tests.parity.quick import undrawn
from tools import measure_tflite
from tools.tables import blocks, families, models
from tools.tables import facts as sources


def test_everything_is_current_and_finding_that_out_builds_no_network():
    code = (
        "import sys; sys.argv = ['update_tables', '--check'];"
        "from tools.update_tables import main; status = main();"
        "assert 'keras' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_family_depends_on_its_own_sources(monkeypatch):
    before = sources.digest("convnext_v2")
    seen = []
    path = sources._path

    def changed(module):
        seen.append(module)
        return path("kapps.applications.vgg" if module == "kapps.layers.layer_scale" else module)

    monkeypatch.setattr(sources, "_path", changed)
    assert sources.digest("convnext_v2") != before
    # A package only passes names on; other families and the tables of weights do not matter.
    assert "kapps.layers.global_response" in seen
    assert not {"kapps.applications.vgg", "kapps.layers.inception", "kapps.weights"} & set(seen)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_page(family):
    text = families.path(family).read_text("utf-8")
    for name in FAMILIES[family]:
        assert f"`{name}`" in text
        assert f"[`{name}`](families/{family}.md)" in models.MODELS.read_text("utf-8")
    for heading in ("## Members", "## Use", "## A block", "```mermaid"):
        assert heading in text
    for tag in {c.tag for c in catalog.CHECKPOINTS if c.application in FAMILIES[family]}:
        assert f"`{tag}`" in text


def test_a_block_is_drawn_from_the_graph():
    model = kapps.applications.ConvNeXtV2Atto(weights=None)
    text = blocks.text("ConvNeXtV2Atto", graph.boxes(model))
    assert "`stage1_block1` of `ConvNeXtV2Atto`" in text
    for line in (
        'stage1_block1_depthwise_conv["7x7 DepthwiseConv<br/>56x56x40"]',
        'stage1_block1_expand_conv["1x1 Conv, 160 filters<br/>56x56x160"]',
        'stage1_block1_expand_act["gelu<br/>56x56x160"]',
        "stage1_block1_expand_act --> stage1_block1_response_norm",
        "input --> stage1_block1_add",
        "stage1_block1_project_conv --> stage1_block1_add",
        "stage1_block1_add --> output",
        # Table 9 of the paper: Atto has 2, 2, 6 and 2 blocks.
        'stage3_block1[["6 times: 7x7 DepthwiseConv, 1x1 Conv (x2), GlobalResponseNormalization, '
        'sum<br/>14x14x160"]]',
    ):
        assert f"    {line}\n" in text


def test_the_readme_has_a_line_for_each_family_and_its_best_known_member():
    text = models.README.read_text("utf-8").partition(models.BEGIN)[2].partition(models.END)[0]
    assert text.count("](docs/families/") == len(FAMILIES)
    for name in ("VGG16", "ResNet50", "DenseNet121", "EfficientNetB0", "ConvNeXtTiny"):
        assert f"`{name}`" in text


def test_measurements_name_applications():
    for name, found in json.loads(models.TFLITE.read_text("utf-8")).items():
        assert name in kapps.applications.APPLICATIONS
        if "float32_error" in found:  # classifiers and segmenters become files, all but one
            other = kapps.applications.task_of(name) in ("detection", "prompting")
            assert other or name == "DINOv3ViT7B16"
            continue
        assert found["float32"] > facts(name)["params"]
        assert found["operators"] > 0


@pytest.mark.parametrize("name", ("DINOv2ViTSmall14", "SAMViTBase16", "ConvNeXtV2Atto"))
def test_figures_by_blocks_are_those_of_the_whole(name, monkeypatch):
    def parameters(app):
        with undrawn():
            model = app(weights=None, classes=app.classes or 1000)
        return {"float32": sum(math.prod(v.shape) for v in model.trainable_variables)}

    monkeypatch.setattr(measure_tflite, "convert", parameters)
    found = measure_tflite.follow(kapps.applications.get(name))
    assert found["float32"] == facts(name)["params"]
