"""EfficientDet: Scalable and Efficient Object Detection (Tan et al., 2020, arXiv:1911.09070).

EfficientDet-Lite, its variants for phones (Google's AutoML repository, 2021): on EfficientNet-Lite,
with ReLU6, maps added without weights, and classes counted as things alone.
"""

from kapps.applications._dense import DenseApplication
from kapps.applications.retinanet import separable_towers
from kapps.detection import anchors as layouts
from kapps.detection.coders import DeltaCoder
from kapps.detection.suppression import Suppression
from kapps.layers import Blocks, add_downsampled_levels, bifpn, detector_outputs

VARIANTS = (  # size, filters and repeats of the neck, repeats of the head, size of anchors
    (320, 64, 3, 3, 3.0),
    (384, 88, 4, 3, 3.0),
    (448, 112, 5, 3, 3.0),
    (512, 160, 6, 4, 4.0),
    (640, 224, 7, 4, 4.0),
)
# Section 5.1; its Huber loss of boxes is nearly L1.
OBJECTIVE = {"name": "retinanet", "high": 0.5, "low": 0.5, "alpha": 0.25, "gamma": 1.5}


def anchors(scale: float) -> layouts.GridAnchors:
    """Three sizes an octave apart in thirds, the first `scale` strides, from level 3 to 7."""
    thirds = (0, 1 / 3, 2 / 3)
    sizes = tuple(tuple(scale * 2 ** (level + t) for t in thirds) for level in range(3, 8))
    return layouts.GridAnchors(sizes, (1.0, 0.5, 2.0), rounded=False, offset=0.5)


def efficientdet(
    maps,
    nn: Blocks,
    *,
    classes: int,
    image_size: tuple[int, int],
    filters: int,
    neck_repeats: int,
    head_repeats: int,
    scale: float,
):
    """Maps of five levels that go down and up, and two towers of separable convolutions."""
    pyramid = add_downsampled_levels(dict(enumerate(maps, 3)), nn, filters, 7, name="neck")
    pyramid = bifpn(pyramid, nn, filters, neck_repeats, weighted=False, name="neck")
    layout = anchors(scale)
    found = separable_towers(
        [pyramid[level] for level in sorted(pyramid)],
        nn,
        filters,
        repeats=head_repeats,
        forms=layout.forms[0],
        classes=classes,
        biased=True,
    )
    return detector_outputs(
        nn,
        found["class"],
        found["box"],
        columns=classes,
        anchors=layout,
        coder=DeltaCoder(),
        image_size=image_size,
        objective=OBJECTIVE,
        suppression=Suppression(0.05, 0.5, 100),
    )


def _application(index: int, size, filters, neck_repeats, head_repeats, scale) -> DenseApplication:
    return DenseApplication(
        f"EfficientDetLite{index}",
        "detection",
        efficientdet,
        f"EfficientNetLite{index}",
        levels=(3, 4, 5),
        size=size,
        min_size=128,  # the coarsest map has one pixel
        classes=90,
        resize="border",
        activation="relu6",
        config={
            "filters": filters,
            "neck_repeats": neck_repeats,
            "head_repeats": head_repeats,
            "scale": scale,
        },
    )


EfficientDetLite0 = _application(0, *VARIANTS[0])
EfficientDetLite1 = _application(1, *VARIANTS[1])
EfficientDetLite2 = _application(2, *VARIANTS[2])
EfficientDetLite3 = _application(3, *VARIANTS[3])
EfficientDetLite4 = _application(4, *VARIANTS[4])

__all__ = [
    "EfficientDetLite0",
    "EfficientDetLite1",
    "EfficientDetLite2",
    "EfficientDetLite3",
    "EfficientDetLite4",
]
