"""The catalog says what Keras's own source and the packages themselves say."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import kapps
from kapps.errors import WeightsError
from kapps.layers import PREPROCESSING
from kapps.weights import cache as cached
from kapps.weights import catalog, sources

KERAS = [row for row in catalog.CHECKPOINTS if row.source == "keras.applications"]
FAMILIES = {  # application -> module of keras.src.applications
    **dict.fromkeys(("VGG16",), "vgg16"),
    **dict.fromkeys(("VGG19",), "vgg19"),
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152"), "resnet"),
    **dict.fromkeys(("ResNet50V2", "ResNet101V2", "ResNet152V2"), "resnet"),
    "InceptionV3": "inception_v3",
    "InceptionResNetV2": "inception_resnet_v2",
    "Xception": "xception",
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), "densenet"),
    **dict.fromkeys(("NASNetMobile", "NASNetLarge"), "nasnet"),
    "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2",
    **dict.fromkeys(("MobileNetV3Small", "MobileNetV3Large"), "mobilenet_v3"),
    **{f"EfficientNetB{n}": "efficientnet" for n in range(8)},
    **{f"EfficientNetV2{n}": "efficientnet_v2" for n in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    **{f"ConvNeXt{n}": "convnext" for n in ("Tiny", "Small", "Base", "Large", "XLarge")},
}


def keras_module(row):
    return importlib.import_module(f"keras.src.applications.{FAMILIES[row.application]}")


def literals(module):
    """The source with the parts of split strings put together."""
    return re.sub(r'"\s*\n\s*f?"', "", inspect.getsource(module))


@pytest.fixture
def requested(monkeypatch):
    """What keras.applications would download: (url, hash), instead of doing so."""
    from keras.src.utils import file_utils

    class Asked(Exception):
        pass

    def get_file(fname, origin, cache_subdir=None, file_hash=None):
        raise Asked(origin, file_hash)

    monkeypatch.setattr(file_utils, "get_file", get_file)
    return Asked


def test_every_model_of_keras_is_here():
    import keras

    models = {
        name
        for name, value in vars(keras.applications).items()
        if callable(value) and name[0].isupper()
    }
    assert models == {row.application for row in KERAS}
    assert len(models) == 40


@pytest.mark.parametrize(
    "row",
    [r for r in KERAS if r.application in ("MobileNet", "MobileNetV2", "MobileNetV3Small")],
    ids=lambda row: row.url.rpartition("/")[2],
)
def test_keras_itself_asks_for_this_file(row, requested, monkeypatch):
    """Run Keras's own choice of file for each variant and size; no layer is really built."""
    import keras
    from keras.src.applications import mobilenet, mobilenet_v2, mobilenet_v3

    class Layer:
        def __init__(self, *arguments, **named):
            self.shape = (None, row.input_size, row.input_size, 3)

        def __call__(self, *arguments):
            return self

    class Layers:
        def __getattr__(self, name):
            return Layer

    for module in (mobilenet, mobilenet_v2, mobilenet_v3):
        monkeypatch.setattr(module, "layers", Layers())
        monkeypatch.setattr(module, "Functional", Layer)
    monkeypatch.setattr(mobilenet_v2.imagenet_utils, "correct_pad", lambda *a: None)
    monkeypatch.setattr(Layer, "__add__", Layer.__call__, raising=False)
    monkeypatch.setattr(Layer, "__mul__", Layer.__call__, raising=False)
    with pytest.raises(requested) as asked:
        getattr(keras.applications, row.application)(
            input_shape=(row.input_size, row.input_size, 3),
            include_top=row.include_top,
            **dict(row.arguments),
        )
    url, file_hash = asked.value.args
    assert url == row.url
    assert (file_hash and f"md5:{file_hash}") == row.hash


@pytest.mark.parametrize(
    "row",
    [r for r in KERAS if not r.application.startswith("MobileNet")],
    ids=lambda row: row.url.rpartition("/")[2],
)
def test_address_and_hash_are_in_the_source_of_keras(row):
    module = keras_module(row)
    kind, _, digest = row.hash.partition(":")
    assert kind == ("sha256" if row.application.startswith("ConvNeXt") else "md5")
    bases = [
        value
        for name, value in vars(module).items()
        if isinstance(value, str) and value.startswith("https://storage.googleapis.com/")
    ]
    assert any(row.url.startswith(base) for base in bases)
    hashes = getattr(module, "WEIGHTS_HASHES", None)
    if hashes is None:
        # The file and its hash stand side by side in a call of get_file.
        names = [name for name, value in vars(module).items() if value == row.url]
        file = names[0] if names else row.url.rpartition("/")[2]
        calls = literals(module).split("get_file(")
        if not names:
            assert f'"{file}"' in "".join(calls)
            expected = digest
            order = re.findall(r'file_hash="(\w+)"', "".join(calls))
            assert order.index(expected) == (0 if row.include_top else 1)
        else:
            assert any(file in call and digest in call for call in calls[1:])
    else:
        key = {
            "resnet": row.application.lower(),
            "efficientnet": row.application[-2:].lower(),
            "efficientnet_v2": re.sub("^([sml])$", r"-\1", row.application[14:].lower()),
            "convnext": f"convnext_{row.application[8:].lower()}",
        }[FAMILIES[row.application]]
        assert hashes[key][0 if row.include_top else 1] == digest
        assert row.url.endswith(".h5") and row.url.endswith("_notop.h5") == (not row.include_top)
        stem = row.url.rpartition("/")[2].removesuffix(".h5").removesuffix("_notop")
        names = {
            "resnet": f"{key}_weights_tf_dim_ordering_tf_kernels",
            "efficientnet": f"efficientnet{key}",
            "efficientnet_v2": f"efficientnetv2-{key.strip('-')}",
            "convnext": key,
        }
        assert stem == names[FAMILIES[row.application]]


def test_mobilenet_v3_accuracies_are_those_of_its_docstring():
    from keras.src.applications import mobilenet_v3

    for row in KERAS:
        if row.application.startswith("MobileNetV3") and row.include_top:
            arguments = dict(row.arguments)
            size = row.application.removeprefix("MobileNetV3").lower()
            small = "_minimalistic" if arguments["minimalistic"] else ""
            name = rf"mobilenet_v3_{size}{small}_{arguments['alpha']}_224"
            stated = re.search(
                rf"\| {name} +\|[^|]*\|[^|]*\| +([\d.]+)", mobilenet_v3.BASE_DOCSTRING
            )
            assert row.top1 == pytest.approx(float(stated[1]) / 100)


def test_rows_are_unique_and_well_formed():
    keys = [
        (row.application, row.tag, row.include_top, row.arguments, row.input_size)
        for row in catalog.CHECKPOINTS
    ]
    assert len(set(keys)) == len(keys)
    for row in catalog.CHECKPOINTS:
        assert re.fullmatch(
            r"imagenet|coco|sa1b|grounding|(timm|torchvision)/[a-z0-9_]+\.[a-z0-9_]+", row.tag
        )
        assert row.url.startswith(("https://", "pip://", "hf://"))
        assert row.preprocessing in PREPROCESSING
        assert row.flavor in ("keras", "torch", "torchvision")
        assert row.format in ("keras_h5", "pth", "safetensors")
        assert row.interpolation in ("bilinear", "bicubic")
        assert 0.8 < row.crop_pct <= 1
        assert row.top1 is None or 0.4 < row.top1 < 0.9
        assert row.top5 is None or row.top1 < row.top5 < 0.995
        assert (row.top1 is None and not row.metrics) == (row.protocol is None)
        assert all(0.1 < share < 1 for _, share in row.metrics)
        cached.check_hash(row.hash)
        # The hub's library checks what it fetches.
        assert row.hash or row.url.startswith("hf://") or row.application.startswith("MobileNet")


def test_two_files_never_share_a_place_in_the_cache():
    addresses = {a for r in catalog.CHECKPOINTS for a in (r.url, *r.mirrors)}
    assert len({cached.path_of(address) for address in addresses}) == len(addresses)


@pytest.mark.parametrize("index", range(3))
def test_lite_packages_hold_the_recorded_file(index):
    row = catalog.find(f"EfficientNetLite{index}", "imagenet")
    assert (row.dialect, row.preprocessing, row.licence) == ("lukemelas", "lite", "Apache-2.0")
    path = sources.fetch(row)  # checks the SHA-256
    assert path.stem.rpartition("-")[2] == row.hash.removeprefix("sha256:")[:8]


def test_tags_begin_with_the_default():
    assert catalog.tags("MobileNetV2")[:2] == ["imagenet", "timm/mobilenetv2_100.ra_in1k"]
    assert catalog.tags("EfficientNetLite4") == ["imagenet", "timm/tf_efficientnet_lite4.in1k"]
    assert catalog.tags("LeNet5") == []


@pytest.mark.parametrize(
    ("size", "expected"),
    [(None, 224), (224, 224), (160, 160), (96, 96), (100, 224), (320, 224)],
)
def test_the_file_for_an_input_size(size, expected):
    row = catalog.find("MobileNetV2", "imagenet", arguments={"alpha": 0.5}, input_size=size)
    assert (row.input_size, row.arguments) == (expected, (("alpha", 0.5),))


def test_without_a_classifier():
    assert catalog.find("VGG16", "imagenet", include_top=False).url.endswith("_notop.h5")
    # Where only the file with a classifier exists, that is the one.
    assert catalog.find("EfficientNetLite0", "imagenet", include_top=False).include_top


def test_without_weights_of_keras_the_first_is_called_imagenet():
    first, second, *_ = [row for row in catalog.CHECKPOINTS if row.application == "ResNet18"]
    row = catalog.find("ResNet18", "imagenet")
    assert (row.flavor, row.url, row.top1) == ("torch", "hf://timm/resnet18.tv_in1k", 0.69752)
    assert row == first
    assert catalog.tags("ResNet18")[:2] == ["imagenet", "timm/resnet18.tv_in1k"]
    # What was never trained on ImageNet's classes has its own tag for a default.
    assert catalog.tags("DINOv3ConvNeXtTiny") == ["timm/convnext_tiny.dinov3_lvd1689m"]
    assert kapps.applications.DINOv3ConvNeXtTiny.__signature__.parameters["weights"].default == (
        "timm/convnext_tiny.dinov3_lvd1689m"
    )


def test_hubs_and_their_hashes():
    row = catalog.find("MobileNetV2", "torchvision/mobilenet_v2.imagenet1k_v2")
    assert row.url == "https://download.pytorch.org/models/mobilenet_v2-7ebf99e0.pth"
    assert (row.hash, row.top1, row.crop_pct) == ("sha256-prefix:7ebf99e0", 0.72154, 0.965517)
    row = catalog.find("MobileNetV2", "timm/mobilenetv2_050.lamb_in1k", arguments={"alpha": 0.5})
    assert (row.licence, row.top1, row.top5) == ("Apache-2.0", 0.65928, 0.86114)


@pytest.mark.parametrize("name", kapps.applications.APPLICATIONS)
def test_rows_agree_with_their_application(name):
    """A row's flavor and arguments exist, and the default weights fit the default call."""
    facts = kapps.applications.facts(name)
    app = kapps.applications.get(name)
    own = [row for row in catalog.CHECKPOINTS if row.application == name]
    for row in own:
        assert row.flavor in facts["flavors"]
        assert set(dict(row.arguments)) <= set(facts["arguments"])
    if own:
        assert own[0].preprocessing == app.flavors[own[0].flavor].preprocessing
        assert (own[0].flavor, own[0].tag) == (
            facts["flavors"][0],
            app.__signature__.parameters["weights"].default,
        )


def test_every_application_of_timm_and_torchvision_that_has_weights_has_rows():
    tags = {row.tag for row in catalog.CHECKPOINTS}
    known = {tag.partition(".")[0] for tag in tags}
    published = (Path(__file__).parents[2] / "tools/published.tsv").read_text("utf-8")
    models = {line.partition("\t")[0].partition(".")[0] for line in published.splitlines()[1:]}
    references = {
        reference["name"].partition(".")[0]
        for name in kapps.applications.APPLICATIONS
        for reference in kapps.applications.facts(name)["references"]
    }
    assert references & models == known - {"imagenet", "coco", "sa1b", "grounding"}


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("timm/resnet50", "timm/resnet50.tv_in1k"),
        ("torchvision/resnet50", "torchvision/resnet50.imagenet1k_v2"),
        ("timm/resnet50.a1_in1k", "timm/resnet50.a1_in1k"),
        ("keras/ResNet50", "imagenet"),
        ("timm/mobilenetv2_050", "timm/mobilenetv2_050.lamb_in1k"),
        ("timm/mobilenetv2_075", None),
    ],
)
def test_an_application_by_its_name_elsewhere_has_the_weights_from_there(name, tag):
    app = kapps.find_application(name)
    assert app.__signature__.parameters["weights"].default == tag


def test_tag_brings_its_flavor():
    row = catalog.find("EfficientNetLite0", "timm/efficientnet_lite0.ra_in1k")
    assert (row.flavor, row.preprocessing) == ("torch", "torch")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("LeNet5", "imagenet"), "nothing is published for LeNet5"),
        (("MobileNetV2", "imagnet"), "did you mean 'imagenet'"),
        (("MobileNetV2", "x"), "its tags are imagenet, timm/mobilenetv2_100.ra_in1k"),
        (("EfficientNetLite0", "imagenet", True, "torch"), "or take one of timm/eff"),
        (("EfficientNetLite3", "imagenet", True, "torch"), "add flavor='keras'.$"),
        (("MobileNetV2", "imagenet", True, None, {"alpha": 0.6}), "not for alpha=0.6"),
        (("MobileNet", "imagenet", True, None, {"depth_multiplier": 2}), "not for depth_mult"),
    ],
)  # fmt: skip
def test_what_is_not_published_is_said(arguments, message):
    with pytest.raises(WeightsError, match=message):
        catalog.find(*arguments)


def test_no_keras_is_imported(python):
    import subprocess

    code = (
        "import kapps.weights.catalog, kapps.weights.sources, sys; sys.exit('keras' in sys.modules)"
    )
    assert subprocess.run([python, "-c", code], timeout=60).returncode == 0
