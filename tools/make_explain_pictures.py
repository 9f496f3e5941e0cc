"""The pictures of docs/explain.md: python -m tools.make_explain_pictures

Photos are scikit-learn's two samples, both under CC BY 2.0 (its datasets/images/README.txt). The
network on them is EfficientNet-Lite0 with its published weights; the deconvnet and attention look
into small networks that are trained here on the digits.
"""

import dataclasses
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers
from PIL import Image, ImageDraw, ImageFont

from kapps import applications, inspect
from kapps.inspect import painting
from kapps.layers import attention_maps
from kapps.recipes import explain

OUT = Path(__file__).parent.parent / "docs" / "pictures"
CAPTION = 20  # pixels
SMALL = {"channels": 48, "depth": 4, "num_heads": 3}  # of a ViT that learns digits in a minute
SEEN = 12  # filters and digits in the pictures of small networks


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        photos = _photos(Path(folder))
        for photo in photos:
            _save(_heats(photo, folder), f"explain_{photo.stem}")
        _save(_layers(photos[1], folder), "explain_layers")
    digits, labels = _digits(24)
    _save(_deconvnet(digits, labels), "explain_deconvnet")
    digits, labels = _digits(128)
    _save(_attention(digits, labels), "explain_attention")


def _save(picture: Image.Image, name: str) -> None:
    path = OUT / f"{name}.webp"
    picture.save(path, "WEBP", quality=80, method=6)
    print(f"{path}: {path.stat().st_size // 1024} KiB, {picture.size[0]} x {picture.size[1]}")


def _photos(folder: Path) -> list[Path]:
    from sklearn.datasets import load_sample_image

    paths = []
    for name in ("china.jpg", "flower.jpg"):
        paths.append(folder / name)
        Image.fromarray(load_sample_image(name)).save(paths[-1], quality=95)
    return paths


def _heats(photo: Path, folder: str) -> Image.Image:
    """All methods on a photo."""
    panes = []
    for method in inspect.METHODS:
        (row,) = explain.run(explain.Settings((str(photo),), method=method, save=folder))
        panes.append((method, Image.open(row["files"][0])))
        print(method, row["label"], row["score"], row["box"])
    return _sheet(panes, 4)


def _layers(photo: Path, folder: str) -> Image.Image:
    """Filters of the first convolution, and maps from the first to the last stage."""
    ways = [("filters", "stem_conv"), ("maps", "stem_act"), ("maps", "stage3_block1_project_norm")]
    panes = []
    for method, layer in ways:
        settings = explain.Settings((str(photo),), method=method, layer=layer, save=folder)
        (row,) = explain.run(settings)
        panes.append((f"{method} of {layer}", Image.open(row["files"][0]).resize((300, 300))))
    return _sheet(panes, 3)


def _digits(side: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    data = load_digits()
    pictures = (data.images * 255 / 16).astype("uint8")
    large = [
        Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC) for one in pictures
    ]
    return np.stack(large).astype("float32")[..., None], data.target


def _deconvnet(digits: np.ndarray, labels: np.ndarray) -> Image.Image:
    """What the filters of a small plain network answer to most."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input(digits.shape[1:]), layers.Rescaling(1 / 255)])
    for i, filters in enumerate((16, 24, 32), 1):
        network.add(layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{i}"))
        network.add(layers.MaxPooling2D(2))
    network.add(layers.Flatten())
    network.add(layers.Dense(10, "softmax"))
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(digits, labels, epochs=5, verbose=2)
    net = inspect.Deconvnet(network, "conv3")
    panes = []
    for channel in range(SEEN):
        found = net.top(digits, channel, 4)
        if not found:
            continue
        tiles = [digits[one.image].astype("uint8") for one in found]
        tiles += [painting.grey(one.projection) for one in found]
        panes.append((f"filter {channel}", painting.tiles(tiles, columns=len(found), edge=48)))
    return _sheet(panes[:6], 3)


def _attention(digits: np.ndarray, labels: np.ndarray) -> Image.Image:
    """What the class token of a small ViT looks at."""
    keras.utils.set_random_seed(0)
    app = applications.get("ViTTiny16")
    app = dataclasses.replace(app, config={**app.config, **SMALL})
    network = app(weights=None, input_shape=digits.shape[1:], classes=10)
    loss = "sparse_categorical_crossentropy"
    network.compile(keras.optimizers.Adam(2e-3), loss, metrics=["accuracy"])
    network.fit(digits, labels, epochs=20, batch_size=64, verbose=2)
    panes = []
    for digit in (2, 5, 8):
        image = digits[np.flatnonzero(labels == digit)[:1]]
        maps = attention_maps(network, image)
        sides = inspect.Score(network, image).patches(next(iter(maps.values())).shape[-1])
        heads = inspect.on_patches(list(maps.values())[-1], sides)[0]
        rolled = inspect.on_patches(inspect.rollout(maps.values()), sides)
        photo = image[0].astype("uint8")
        mask = inspect.resized(inspect.masks(heads.mean(0))[None].astype("f4"), (128, 128))[0] > 0.5
        panes.append(("a digit", _rgb(photo)))
        for name, one in (("last attention", heads.mean(0)), ("rollout", rolled[0])):
            heat = inspect.resized(one[None], (128, 128))[0]
            panes.append((name, painting.over(photo, painting.scaled(heat))))
        panes.append(("its mask", _rgb(np.where(mask[..., None], photo, photo // 4))))
    return _sheet(panes, 4)


def _rgb(photo: np.ndarray) -> Image.Image:
    return Image.fromarray(photo[..., 0]).convert("RGB")


def _sheet(panes: list[tuple[str, Image.Image]], columns: int) -> Image.Image:
    """Pictures of one size with captions below them."""
    width, height = panes[0][1].size
    rows = -(-len(panes) // columns)
    sheet = Image.new(
        "RGB", (columns * (width + 8) - 8, rows * (height + CAPTION + 8) - 8), "white"
    )
    brush, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for i, (text, pane) in enumerate(panes):
        x, y = (i % columns) * (width + 8), (i // columns) * (height + CAPTION + 8)
        sheet.paste(pane.convert("RGB"), (x, y))
        brush.text((x + 2, y + height + 3), text, "black", font)
    return sheet


if __name__ == "__main__":
    main()
