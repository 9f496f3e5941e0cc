"""Detectors trained on COCO 2017: torchvision's with 91 classes, whose class 0 is background; from
the Hugging Face hub DETR's with 91, whose class 0 is never there, and RT-DETR's with 80. Keypoint
R-CNN finds people alone. SAM's are trained on SA-1B, Grounding DINO's on many sets with texts.

Accuracies are those that their publishers state (mean average precision of boxes over overlaps from
0.5 to 0.95, on the validation pictures).
"""

from collections.abc import Iterator

from kapps.weights.checkpoint import Checkpoint
from kapps.weights.tables._torchvision import row

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
    (
        *("FasterRCNNResNet50FPN", "fasterrcnn_resnet50_fpn_coco", "258fb6c6"),
        *(800, "torch", 0.370, (), "torchvision, epsilon 0"),
    ),
    (
        *("FasterRCNNResNet50FPNV2", "fasterrcnn_resnet50_fpn_v2_coco", "dd69338a"),
        *(800, "torch", 0.467, (), None),
    ),
    (
        *("FasterRCNNMobileNetV3LargeFPN", "fasterrcnn_mobilenet_v3_large_fpn", "fb6a3cc7"),
        *(800, "torch", 0.328, (), None),
    ),
    (
        *("FasterRCNNMobileNetV3Large320FPN", "fasterrcnn_mobilenet_v3_large_320_fpn", "907ea3f9"),
        *(320, "torch", 0.228, (), None),
    ),
    (
        *("MaskRCNNResNet50FPN", "maskrcnn_resnet50_fpn_coco", "bf2d0c1e"),
        *(800, "torch", 0.379, (), "torchvision, epsilon 0"),
    ),
    (
        *("MaskRCNNResNet50FPNV2", "maskrcnn_resnet50_fpn_v2_coco", "73cbd019"),
        *(800, "torch", 0.474, (), None),
    ),
    (  # people, and nothing else
        *("KeypointRCNNResNet50FPN", "keypointrcnn_resnet50_fpn_coco", "fc266e95"),
        *(800, "torch", 0.546, (), "torchvision, epsilon 0"),
    ),
    ("FCOSResNet50FPN", "fcos_resnet50_fpn_coco", "99b0c9b7", 800, "torch", 0.392, (), None),
)
PAPER = "COCO 2017 validation, photos of their own shape, shorter side 800, as in the paper"
AUTHORS = "COCO 2017 validation, as the authors state it"
DETRS = (  # depth, output stride, end of the name, box mAP: table 1 of the paper
    (50, 32, "50", 0.42),
    (50, 16, "50-dc5", 0.433),
    (101, 32, "101", 0.435),
    (101, 16, "101-dc5", 0.449),
)
RT_DETRS = ((18, 0.465), (34, 0.489), (50, 0.531), (101, 0.543))  # depth, box mAP

GROUNDING_DINOS = (  # Swin, end of the name, box mAP: the authors' table of checkpoints
    ("T", "tiny", 0.484, "COCO 2017 validation, never trained on, as the authors state it"),
    (
        "B",
        "base",
        0.567,
        "COCO 2017 validation, trained on its other part, as the authors state it",
    ),
)


def rows() -> Iterator[Checkpoint]:
    """A row of the catalog for each file."""
    yield from _torchvision()
    for depth, output_stride, end, box_map in DETRS:
        yield _on_the_hub(
            f"DETRResNet{depth}",
            f"facebook/detr-resnet-{end}",
            *(800, "torch", 91, box_map, PAPER),
            arguments=(("output_stride", output_stride),),
        )
    for size in ("Base", "Large", "Huge"):
        name = f"facebook/sam-vit-{size.lower()}"
        yield _on_the_hub(f"SAM{size}", name, 1024, "torch", 1, tag="sa1b")
    for depth, box_map in RT_DETRS:
        name = f"PekingU/rtdetr_r{depth}vd"
        yield _on_the_hub(f"RTDETRResNet{depth}", name, 640, "unit", 80, box_map, AUTHORS)
    for size, end, box_map, protocol in GROUNDING_DINOS:
        name = f"IDEA-Research/grounding-dino-{end}"
        numbers = 800, "torch", 80, box_map, protocol
        yield _on_the_hub(f"GroundingDINOSwin{size}", name, *numbers, tag="grounding")


def _on_the_hub(
    application: str,
    repository: str,
    size: int,
    preprocessing: str,
    classes: int,
    box_map: float | None = None,
    protocol: str | None = None,
    arguments: tuple = (),
    tag: str = "coco",
) -> Checkpoint:
    return Checkpoint(
        application=application,
        tag=tag,
        url=f"hf://{repository}",
        hash=None,
        format="safetensors",
        dialect="transformers",
        flavor="torch",
        include_top=True,
        input_size=size,
        preprocessing=preprocessing,
        crop_pct=1.0,
        interpolation="bilinear",
        licence="Apache-2.0",
        source=repository.partition("/")[0],
        classes=classes,
        arguments=arguments,
        protocol=protocol,
        metrics=(("box mAP", box_map),) if box_map else (),
    )


def _torchvision() -> Iterator[Checkpoint]:
    for application, file, digits, size, preprocessing, box_map, arguments, dialect in ROWS:
        yield row(
            *(application, file, digits),
            input_size=size,
            preprocessing=preprocessing,
            dialect=dialect,
            classes=2 if application.startswith("Keypoint") else 91,
            arguments=arguments,
            protocol=PROTOCOL,
            metrics=(("box mAP", box_map),),
        )
