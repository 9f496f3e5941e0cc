"""torchvision's detectors, trained on COCO 2017 with 91 classes, the first of which is background.

Accuracies are those that torchvision states (mean average precision of boxes over overlaps from 0.5
to 0.95, on the validation pictures). The end of a file's name is the start of its SHA-256.
"""

from collections.abc import Iterator

from kapps.weights.checkpoint import Checkpoint

BASE = "https://download.pytorch.org/models/"
PROTOCOL = "COCO 2017 validation, as torchvision states it"
ROWS = (  # application, file, digits, size, preprocessing, box mAP, arguments, dialect
    (
        *("SSDLite320MobileNetV3Large", "ssdlite320_mobilenet_v3_large_coco", "a79551df"),
        *(320, "tensorflow", 0.213, (("reduced_tail", True),), None),
    ),
    ("SSD300VGG16", "ssd300_vgg16_coco", "b556d3b4", 300, "ssd", 0.251, (), None),
    (  # published for normalisations without an epsilon
        *("RetinaNetResNet50FPN", "retinanet_resnet50_fpn_coco", "eeacb38b"),
        *(800, "torch", 0.364, (), "torchvision, epsilon 0"),
    ),
    (
        *("RetinaNetResNet50FPNV2", "retinanet_resnet50_fpn_v2_coco", "5905b1c5"),
        *(800, "torch", 0.415, (), None),
    ),
    ("FCOSResNet50FPN", "fcos_resnet50_fpn_coco", "99b0c9b7", 800, "torch", 0.392, (), None),
)


def rows() -> Iterator[Checkpoint]:
    """A row of the catalog for each file."""
    for application, file, digits, size, preprocessing, box_map, arguments, dialect in ROWS:
        yield Checkpoint(
            application=application,
            tag="coco",
            url=f"{BASE}{file}-{digits}.pth",
            hash=f"sha256-prefix:{digits}",
            format="pth",
            dialect=dialect,
            flavor="torch",
            include_top=True,
            input_size=size,
            preprocessing=preprocessing,
            crop_pct=1.0,
            interpolation="bilinear",
            licence="BSD-3-Clause",
            source="torchvision",
            classes=91,
            arguments=arguments,
            protocol=PROTOCOL,
            metrics=(("box mAP", box_map),),
        )
