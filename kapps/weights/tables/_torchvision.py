"""What the rows of torchvision's detectors and segmenters have in common."""

from kapps.weights.checkpoint import Checkpoint

BASE = "https://download.pytorch.org/models/"


def row(
    application: str,
    file: str,
    digits: str,
    *,
    preprocessing: str = "torch",
    dialect: str | None = None,
    **more,
) -> Checkpoint:
    """A file trained on COCO 2017; the end of its name is the start of its SHA-256.

    Args:
        application, preprocessing, dialect, more: as of `Checkpoint`.
        file: its name without that end.
        digits: that end.
    """
    return Checkpoint(
        application=application,
        tag="coco",
        url=f"{BASE}{file}-{digits}.pth",
        hash=f"sha256-prefix:{digits}",
        format="pth",
        dialect=dialect,
        flavor="torch",
        include_top=True,
        preprocessing=preprocessing,
        crop_pct=1.0,
        interpolation="bilinear",
        licence="BSD-3-Clause",
        source="torchvision",
        **more,
    )
