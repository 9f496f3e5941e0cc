"""What the catalog knows about one published file of weights."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Checkpoint:
    """One published file of weights and the facts that its user needs.

    Attributes:
        application: name of the application, such as "MobileNetV2".
        tag: what `weights=` takes: "imagenet", or "source/recipe" for the others.
        url: "https://...", "pip://distribution/path/inside/it" or "hf://owner/name", a repository
            of the Hugging Face hub.
        hash: "sha256:...", "md5:...", "sha256-prefix:..." (the first digits, as in the names of
            torch's files), or None where the publisher gives none.
        format: "keras_h5", "pth" or "safetensors"; readers look at the content all the same.
        dialect: whose tensor names the file uses; None finds out by the names.
        flavor: the flavor of the application that the weights were trained in.
        include_top: whether the file holds a classifier.
        classes: outputs of that classifier, or of the one that was cut off; 0 if there never was.
        input_size: side of the square input in pixels.
        arguments: (name, value) of the application's own arguments.
        preprocessing: name of the normalisation, such as "tensorflow" or "torch".
        crop_pct: side of the centre crop as a share of the resized image's shorter side.
        interpolation: of that resize, "bilinear" or "bicubic".
        top1, top5: published accuracy as a share in [0, 1], or None.
        metrics: (name, share in [0, 1]) of what else its publisher measured, such as "box mAP".
        protocol: how that was measured, and by whom.
        licence: SPDX name, or "not stated".
        source: who published the file.
        mirrors: other addresses of the same weights, tried in turn; where a file's name ends in
            digits of its hash, as torch's do, they are checked.
    """

    application: str
    tag: str
    url: str
    hash: str | None
    format: str
    dialect: str | None
    flavor: str
    include_top: bool
    input_size: int
    preprocessing: str
    crop_pct: float
    interpolation: str
    licence: str
    source: str
    classes: int = 1000
    arguments: tuple[tuple[str, object], ...] = ()
    top1: float | None = None
    top5: float | None = None
    protocol: str | None = None
    metrics: tuple[tuple[str, float], ...] = ()
    mirrors: tuple[str, ...] = ()
