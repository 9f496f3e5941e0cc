"""The Hugging Face hub, as a server on this machine plays it."""

import dataclasses
import json

import numpy as np
import pytest
import safetensors.numpy

import kapps
from kapps.errors import DownloadError, MissingPackageError, WeightsError
from kapps.weights import catalog, sources
from kapps.weights import hub as hugging_face

from .hub import COMMIT, Hub

NAME = "me/flowers"


@pytest.fixture
def hub(tmp_path, monkeypatch, cache):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "")
    with Hub({NAME: {"model.safetensors": b"weights", "config.json": b"{}"}}) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def test_a_repository_is_fetched_once(hub):
    path = sources.fetch(f"hf://{NAME}")
    assert path.read_bytes() == b"weights"
    assert ("GET", f"/{NAME}/resolve/main/model.safetensors") in hub.requests
    assert COMMIT in path.parts  # in the library's own cache, as other programs find it
    hub.repositories.clear()
    assert hugging_face.locate(f"hf://{NAME}") == path


def test_a_revision_and_a_file(hub):
    assert sources.fetch(f"hf://{NAME}@v1.0/config.json").read_bytes() == b"{}"
    assert hub.requests[-1] == ("GET", f"/{NAME}/resolve/v1.0/config.json")


def test_old_repositories_have_a_file_of_torch(hub):
    hub.repositories[NAME] = {"pytorch_model.bin": b"torch"}
    assert sources.fetch(f"hf://{NAME}").read_bytes() == b"torch"


@pytest.mark.parametrize("name", ["KAPPS_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline(hub, monkeypatch, name):
    from huggingface_hub import constants

    path = sources.fetch(f"hf://{NAME}")
    hub.requests.clear()
    monkeypatch.setenv(name, "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", name == "HF_HUB_OFFLINE")
    assert sources.fetch(f"hf://{NAME}") == path
    with pytest.raises(DownloadError, match=f"{name} is set and hf://me/birds is not in the cache"):
        sources.fetch("hf://me/birds")
    assert not hub.requests


def test_a_token_opens_a_gated_repository(hub, monkeypatch):
    hub.gated.add(NAME)
    with pytest.raises(DownloadError, match=r"accepted its terms alone.*HF_TOKEN"):
        sources.fetch(f"hf://{NAME}")
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert sources.fetch(f"hf://{NAME}").exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hf://me/none", "hf://me/none is not on the hub, or private; check the name"),
        (f"hf://{NAME}/none.txt", "has no file none.txt; check the address"),
    ],
)
def test_what_is_not_there(hub, address, message):
    with pytest.raises(DownloadError, match=message):
        sources.fetch(address)


@pytest.mark.parametrize("address", ["hf://", "hf://one", "hf://a/b@", "hf://a/../b c"])
def test_what_is_no_address(address):
    with pytest.raises(ValueError, match="expected hf://owner/name"):
        sources.fetch(address)


def test_a_file_that_is_not_what_the_hub_says_is_thrown_away(hub):
    hub.etag = "0" * 64
    with pytest.raises(WeightsError, match=r"has the sha256 \w+, expected 0000"):
        sources.fetch(f"hf://{NAME}")
    assert hugging_face.locate(f"hf://{NAME}") is None


def test_nobody_answers(hub, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the library tries again and again
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=f"cannot fetch hf://{NAME}: .*try again later"):
        sources.fetch(f"hf://{NAME}")


@pytest.fixture
def no_library(monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "huggingface_hub" else real(name)
    )


@pytest.mark.usefixtures("no_library")
def test_without_the_library_one_sentence():
    with pytest.raises(MissingPackageError, match=r"pip install huggingface_hub.*kapps\[hub\]"):
        sources.fetch(f"hf://{NAME}")


@pytest.mark.usefixtures("no_library")
def test_without_the_library_a_row_has_its_mirror(server):
    row = catalog.find("MobileNetV2", "timm/mobilenetv2_100.ra_in1k")
    assert row.url == "hf://timm/mobilenetv2_100.ra_in1k"
    assert row.mirrors[0].endswith("mobilenetv2_100_ra-b33bc2c4.pth")
    row = dataclasses.replace(row, mirrors=(server.url("/models/w.pth"),))
    assert sources.fetch(row).name == "w.pth"


def state_dict(classes):
    """A small network under the names of timm, as a user would have fine-tuned it."""
    from tests.parity import goldens
    from tests.parity.fill import fill

    golden = json.loads((goldens.FOLDER / "timm__convnextv2_atto.json").read_text())
    arrays = {}
    for name, shape in golden["tensors"]:
        shape = [classes, *shape[1:]] if name.startswith("head.fc") else shape
        arrays[name] = fill(name, shape)
    return arrays


@pytest.fixture
def tuned(hub, tmp_path):
    arrays = state_dict(5)
    file = tmp_path / "tuned.safetensors"
    safetensors.numpy.save_file(arrays, file)
    config = {
        "architecture": "convnextv2_atto",
        "num_classes": 5,
        "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "tag": "mine"},
    }
    hub.repositories[NAME] = {
        "model.safetensors": file.read_bytes(),
        "config.json": json.dumps(config).encode(),
    }
    return arrays, file


def test_a_fine_tuned_checkpoint_from_the_hub_or_a_file(tuned):
    arrays, file = tuned
    app = kapps.applications.ConvNeXtV2Atto
    for weights in (f"hf://{NAME}", file):
        model = app(weights=weights, classes=5)
        assert not model.load_report.new
        kernel, _ = model.get_layer("predictions").get_weights()
        np.testing.assert_array_equal(kernel, arrays["head.fc.weight"].T)
    model = app(weights=file, classes=3)
    assert model.load_report.new == ("predictions/kernel", "predictions/bias")


def test_an_application_by_its_repository(tuned):
    app = kapps.find_application(f"hf://{NAME}")
    model = app()
    assert (app.name, model.output_shape) == ("ConvNeXtV2Atto", (None, 5))
    assert not model.load_report.new
    assert tuple(app.spec.mean) == (127.5,) * 3


def test_a_repository_of_something_else(hub):
    with pytest.raises(WeightsError, match="names no architecture of timm"):
        kapps.find_application(f"hf://{NAME}")
    hub.repositories["me/other"] = {"config.json": b'{"architecture": "transformer"}'}
    with pytest.raises(ValueError, match="no application is the same as 'timm/transformer'"):
        kapps.find_application("hf://me/other")


def test_a_row_without_a_classifier_takes_a_new_one():
    find = catalog.find
    tag = "timm/convnext_tiny.dinov3_lvd1689m"
    with pytest.raises(WeightsError, match="add include_top=False, or classes= for a new one"):
        find("DINOv3ConvNeXtTiny", tag)
    assert find("DINOv3ConvNeXtTiny", tag, new_head=True) == find(
        "DINOv3ConvNeXtTiny", tag, include_top=False
    )
