"""Keras's files: the legacy .h5 by layer name, and .weights.h5 and .keras by place in the model."""

import io
import json
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from kapps.errors import WeightsError
from kapps.weights._raw import widen_bfloat16

# Names that Keras 1 gave, as in the files of VGG and Xception: "block1_conv1_W_1:0".
KERAS_1 = (
    (re.compile(r".*_W(_\d+)?"), "kernel"),
    (re.compile(r".*_b(_\d+)?"), "bias"),
    (re.compile(r".*_depthwise_kernel"), "depthwise_kernel"),
    (re.compile(r".*_pointwise_kernel"), "pointwise_kernel"),
    (re.compile(r".*_gamma"), "gamma"),
    (re.compile(r".*_beta"), "beta"),
    (re.compile(r".*_running_mean"), "moving_mean"),
    (re.compile(r".*_running_std"), "moving_variance"),  # it was the variance all along
)
NORM = ("gamma", "beta", "moving_mean", "moving_variance")
# The variables of a layer in the order of its class, where their number says which they are.
VARIABLES = {
    # Three are without gamma, as in Inception-v3; without beta nobody has them.
    "batch_normalization": {4: NORM, 3: NORM[1:], 2: NORM[2:]},
    "layer_normalization": {2: NORM[:2]},
    "group_normalization": {2: NORM[:2]},
    "separable_conv2d": {
        2: ("depthwise_kernel", "pointwise_kernel"),
        3: ("depthwise_kernel", "pointwise_kernel", "bias"),
    },
    **dict.fromkeys(
        ("conv1d", "conv2d", "conv2d_transpose", "depthwise_conv2d", "dense", "einsum_dense"),
        {1: ("kernel",), 2: ("kernel", "bias")},
    ),
    "p_re_lu": {1: ("alpha",)},
    "normalization": {3: ("mean", "variance", "count")},
    "embedding": {1: ("embeddings",)},
}
NOT_WEIGHTS = ("optimizer", "compile_metrics", "metrics", "_loss_tracker", "seed_generator")
MAX_EXPANSION = 2000  # a compressed dataset may be this much larger than the whole file


def read_h5(path: Path) -> dict[str, np.ndarray]:
    """A .h5 of any Keras: weights alone, a whole model, or Keras 3's .weights.h5.

    Raises:
        WeightsError: HDF5 of something else, or reaching out of the file.
        Exception: damaged.
    """
    with h5py.File(path, "r") as file:
        return _Reader(path, path.stat().st_size).read(file)


def read_keras(path: Path, archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """A .keras archive, as `keras.Model.save` writes it.

    Raises:
        WeightsError: without weights, or reaching out of the file.
        Exception: damaged.
    """
    order = _layer_order(json.loads(archive.read("config.json")))
    content = archive.read("model.weights.h5")
    with h5py.File(io.BytesIO(content), "r") as file:
        arrays = _Reader(path, len(content)).read(file)
    last = len(order)
    return dict(sorted(arrays.items(), key=lambda item: order.get(item[0].split("/")[0], last)))


def _layer_order(config: dict) -> dict[str, int]:
    """Layer name -> its place in the model."""
    layers = config.get("config", {}).get("layers", ())
    names = [layer.get("config", {}).get("name", layer.get("name")) for layer in layers]
    return {name: place for place, name in enumerate(names)}


class _Reader:
    """Reads one open HDF5 file.

    Args:
        path: what errors call it.
        size: its bytes, against datasets that pretend to be huge.
    """

    def __init__(self, path: Path, size: int):
        self.path = path
        self.size = size

    def read(self, file: h5py.File) -> dict[str, np.ndarray]:
        root = file.get("model_weights", file)
        if _has_names(root, "layer_names"):
            return dict(self._legacy(root))
        arrays = dict(self._by_place(file, (), ""))
        if not arrays:
            raise WeightsError(f"{self.path} is HDF5, but holds no weights of a Keras model.")
        return arrays

    def _legacy(self, root: h5py.Group) -> Iterator[tuple[str, np.ndarray]]:
        for layer in (*self._names(root, "layer_names"), "top_level_model_weights"):
            if layer in root:
                for name in self._names(root[layer], "weight_names"):
                    yield _legacy_name(layer, name), self._dataset(root[layer], name)

    def _names(self, group: h5py.Group, attribute: str) -> list[str]:
        """A list of names; Keras cuts long ones into attribute0, attribute1, ..."""
        if attribute in group.attrs:
            if math.prod(group.attrs.get_id(attribute).shape) > self.size:
                raise ValueError(f"{attribute} is longer than the file")
            return [_text(name) for name in group.attrs[attribute]]
        names, part = [], 0
        while f"{attribute}{part}" in group.attrs:
            names += self._names(group, f"{attribute}{part}")
            part += 1
        return names

    def _by_place(self, group, layers, kind) -> Iterator[tuple[str, np.ndarray]]:
        """Groups hold "vars" with the numbered variables of a layer, and the layers below it."""
        variables = self._member(group, "vars")
        if isinstance(variables, h5py.Group):
            names = VARIABLES.get(kind, {}).get(len(variables))
            for index, key in enumerate(sorted(variables, key=_natural)):
                name = names[index] if names else key
                yield "/".join((*layers, name)), self._dataset(variables, key)
        for key in sorted(group, key=_natural):
            if key == "vars" or key in NOT_WEIGHTS:
                continue
            below = self._member(group, key)
            if not isinstance(below, h5py.Group):
                continue
            if key in ("layers", "_layer_checkpoint_dependencies"):
                yield from self._by_place(below, layers, "")
            else:
                # Since Keras 3.9 or so, the group says the layer's name; its key says its class.
                own = self._member(below, "vars")
                name = own.attrs.get("name", key) if isinstance(own, h5py.Group) else key
                yield from self._by_place(below, (*layers, _text(name)), re.sub(r"_\d+$", "", key))

    def _member(self, group: h5py.Group, name: str):
        """A member of the group, or None; links out of the file are refused."""
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise WeightsError(f"{self.path} refers to the file {link.filename}, so it is refused.")
        return group.get(name)

    def _dataset(self, group: h5py.Group, name: str) -> np.ndarray:
        for part in name.split("/")[:-1]:
            group = self._member(group, part)
        dataset = self._member(group, name.split("/")[-1])
        if not isinstance(dataset, h5py.Dataset):
            raise KeyError(f"the weight {name} is missing")
        if dataset.external or dataset.is_virtual:
            raise WeightsError(f"{self.path} keeps {name} in another file, so it is refused.")
        if dataset.nbytes > MAX_EXPANSION * self.size:
            raise WeightsError(
                f"{self.path} claims {dataset.nbytes} bytes for {name}, far more than it holds, so "
                "it is refused."
            )
        array = np.asarray(dataset[()])
        if array.dtype.kind == "V" and array.dtype.itemsize == 2:  # bfloat16, which HDF5 has not
            return widen_bfloat16(array.view(np.uint16))
        return array


def _legacy_name(layer: str, weight: str) -> str:
    """("stem", "stem_conv/kernel:0") -> "stem/stem_conv/kernel", without a layer's name twice."""
    *scopes, variable = re.sub(r":\d+$", "", weight).split("/")
    for pattern, name in KERAS_1:
        if not scopes and pattern.fullmatch(variable):
            variable = name
    path = "/".join(scopes)
    if re.fullmatch(rf"{re.escape(layer)}_\d+", path):
        path = ""  # Keras 2 numbered the scope when a model was built twice
    # Keras 3 puts the name of the model before that of the layer.
    _, is_there, rest = f"/{path}/".partition(f"/{layer}/")
    path = rest.strip("/") if is_there else path
    return "/".join(filter(None, (layer, path, variable)))


def _has_names(group: h5py.Group, attribute: str) -> bool:
    return attribute in group.attrs or f"{attribute}0" in group.attrs


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _natural(name: str) -> list:
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)
    ]
