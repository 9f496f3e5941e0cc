"""The files of keras.applications: addresses and hashes as in the source of Keras 3.15.

Accuracies are those of https://keras.io/api/applications; of the MobileNet V1 and V2 variants, of
the README of keras-applications; of MobileNetV3, of its docstring. Keras publishes neither crop nor
interpolation: the values here are those of the training code that the weights came from.
"""

from kapps.weights.checkpoint import Checkpoint

STORAGE = "https://storage.googleapis.com/"
BASE = f"{STORAGE}tensorflow/keras-applications/"
KERNELS = "_weights_tf_dim_ordering_tf_kernels"
PROTOCOL = "ImageNet-1k validation, one centre crop, as reported by Keras"


def _pair(
    application: str,
    path: str,
    size: int,
    hashes: tuple[str | None, str | None],
    accuracy: tuple[float | None, float | None],
    preprocessing: str,
    licence: str,
    crop: tuple[float, str] = (0.875, "bilinear"),
    endings: tuple[str, str] = (".h5", "_notop.h5"),
    arguments: tuple[tuple[str, object], ...] = (),
    protocol: str = PROTOCOL,
) -> list[Checkpoint]:
    """The row with a classifier and the row without."""
    rows = []
    for include_top, ending, digest in zip((True, False), endings, hashes, strict=True):
        kind = "sha256" if digest and len(digest) == 64 else "md5"
        top1, top5 = accuracy if include_top else (None, None)
        rows.append(
            Checkpoint(
                application=application,
                tag="imagenet",
                url=(path if path.startswith("https:") else BASE + path) + ending,
                hash=f"{kind}:{digest}" if digest else None,
                format="keras_h5",
                dialect="keras",
                flavor="keras",
                include_top=include_top,
                input_size=size,
                preprocessing=preprocessing,
                crop_pct=crop[0],
                interpolation=crop[1],
                licence=licence,
                source="keras.applications",
                arguments=arguments,
                top1=top1 and round(top1 / 100, 5),
                top5=top5 and round(top5 / 100, 5),
                protocol=protocol if top1 else None,
            )
        )
    return rows


# application, path, size, MD5 with top, MD5 without, top-1, top-5, preprocessing, licence
PLAIN = (
    ("VGG16", f"vgg16/vgg16{KERNELS}", 224, "64373286793e3c8b2b4e3219cbf3544b",
     "6d6bbae143d832006294945121d1f1fc", 71.3, 90.1, "caffe", "CC-BY-4.0"),
    ("VGG19", f"vgg19/vgg19{KERNELS}", 224, "cbe5617147190e668d6c5d5026f83318",
     "253f8cb515780f3b799900260a226db6", 71.3, 90.0, "caffe", "CC-BY-4.0"),
    ("ResNet50", f"resnet/resnet50{KERNELS}", 224, "2cb95161c43110f7111970584f804107",
     "4d473c1dd8becc155b73f8504c6f6626", 74.9, 92.1, "caffe", "MIT"),
    ("ResNet101", f"resnet/resnet101{KERNELS}", 224, "f1aeb4b969a6efcfb50fad2f0c20cfc5",
     "88cf7a10940856eca736dc7b7e228a21", 76.4, 92.8, "caffe", "MIT"),
    ("ResNet152", f"resnet/resnet152{KERNELS}", 224, "100835be76be38e30d865e96f2aaae62",
     "ee4c566cf9a93f14d82f913c2dc6dd0c", 76.6, 93.1, "caffe", "MIT"),
    ("ResNet50V2", f"resnet/resnet50v2{KERNELS}", 224, "3ef43a0b657b3be2300d5770ece849e0",
     "fac2f116257151a9d068a22e544a4917", 76.0, 93.0, "tensorflow", "BSD-3-Clause"),
    ("ResNet101V2", f"resnet/resnet101v2{KERNELS}", 224, "6343647c601c52e1368623803854d971",
     "c0ed64b8031c3730f411d2eb4eea35b5", 77.2, 93.8, "tensorflow", "BSD-3-Clause"),
    ("ResNet152V2", f"resnet/resnet152v2{KERNELS}", 224, "a49b44d1979771252814e80f8ec446f9",
     "ed17cf2e0169df9d443503ef94b23b33", 78.0, 94.2, "tensorflow", "BSD-3-Clause"),
    ("InceptionV3", f"inception_v3/inception_v3{KERNELS}", 299, "9a0d58056eeedaa3f26cb7ebd46da564",
     "bcbd6486424b2319ff4ef7d526e38f63", 77.9, 93.7, "tensorflow", "Apache-2.0"),
    ("InceptionResNetV2", f"inception_resnet_v2/inception_resnet_v2{KERNELS}", 299,
     "e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4", 80.3, 95.3,
     "tensorflow", "Apache-2.0"),
    ("Xception", f"xception/xception{KERNELS}", 299, "0a58e3b7378bc2990ea3b43d5981f1f6",
     "b0042744bf5b25fce3cb969f33bebb97", 79.0, 94.5, "tensorflow", "MIT"),
    ("DenseNet121", f"densenet/densenet121{KERNELS}", 224, "9d60b8095a5708f2dcce2bca79d332c7",
     "30ee3e1110167f948a6b9946edeeb738", 75.0, 92.3, "torch", "BSD-3-Clause"),
    ("DenseNet169", f"densenet/densenet169{KERNELS}", 224, "d699b8f76981ab1b30698df4c175e90b",
     "b8c4d4c20dd625c148057b9ff1c1176b", 76.2, 93.2, "torch", "BSD-3-Clause"),
    ("DenseNet201", f"densenet/densenet201{KERNELS}", 224, "1ceb130c1ea1b78c3bf6114dbdfd8807",
     "c13680b51ded0fb44dff2d8f86ac8bb1", 77.3, 93.6, "torch", "BSD-3-Clause"),
)  # fmt: skip

# application, file, MD5 with top, MD5 without, top-1, top-5, size
NASNET = (
    ("NASNetMobile", "NASNet-mobile", "020fb642bf7360b370c678b08e0adf61",
     "1ed92395b5b598bdda52abe5c0dbfd63", 74.4, 91.9, 224),
    ("NASNetLarge", "NASNet-large", "11577c9a518f0070763c2b964a382f17",
     "d81d89dc07e6e56530c4e77faddd61b5", 82.5, 96.0, 331),
)  # fmt: skip

# alpha, top-1, top-5 at 224; the default comes first
MOBILENET = (
    (1.0, 70.424, 89.504),
    (0.75, 68.412, 88.242),
    (0.5, 64.292, 85.624),
    (0.25, 51.582, 75.792),
)
MOBILENET_SIZES = (224, 192, 160, 128)
MOBILENET_V2 = (
    (1.0, 71.336, 90.142),
    (0.35, 60.086, 82.432),
    (0.5, 65.194, 86.062),
    (0.75, 69.532, 89.176),
    (1.3, 74.680, 92.122),
    (1.4, 75.230, 92.422),
)
MOBILENET_V2_SIZES = (224, 192, 160, 128, 96)

# application, alpha, minimalistic, MD5 with top, MD5 without, top-1
MOBILENET_V3 = (
    ("MobileNetV3Small", 1.0, False, "8768d4c2e7dee89b9d02b2d03d65d862",
     "d3e8ec802a04aa4fc771ee12a9a9b836", 68.1),
    ("MobileNetV3Small", 0.75, False, "cb65d4e5be93758266aa0a7f2c6708b7",
     "ebdb5cc8e0b497cd13a7c275d475c819", 65.4),
    ("MobileNetV3Small", 1.0, True, "99cd97fb2fcdad2bf028eb838de69e37",
     "cde8136e733e811080d9fcd8a252f7e4", 61.9),
    ("MobileNetV3Large", 1.0, False, "59e551e166be033d707958cf9e29a6a7",
     "07fb09a5933dd0c8eaafa16978110389", 75.6),
    ("MobileNetV3Large", 0.75, False, "765b44a33ad4005b3ac83185abf1d0eb",
     "40af19a13ebea4e2ee0c676887f69a2e", 73.3),
    ("MobileNetV3Large", 1.0, True, "675e7b876c45c57e9e63e6d90a36599c",
     "ec5221f64a2f6d1ef965a614bdae7973", 72.3),
)  # fmt: skip

# variant, size, crop, top-1, top-5, MD5 with top, MD5 without
EFFICIENTNET = (
    ("B0", 224, 0.875, 77.1, 93.3,
     "902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    ("B1", 240, 0.882, 79.1, 94.4,
     "1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    ("B2", 260, 0.890, 80.1, 94.9,
     "b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    ("B3", 300, 0.904, 81.6, 95.7,
     "ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    ("B4", 380, 0.922, 82.9, 96.4,
     "18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    ("B5", 456, 0.934, 83.6, 96.7,
     "ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
    ("B6", 528, 0.942, 84.0, 96.8,
     "165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
    ("B7", 600, 0.949, 84.3, 97.0,
     "8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
)  # fmt: skip
EFFICIENTNET_V2 = (
    ("B0", 224, 0.875, 78.7, 94.3,
     "21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
    ("B1", 240, 0.882, 79.8, 95.0,
     "069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
    ("B2", 260, 0.890, 80.5, 95.1,
     "424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
    ("B3", 300, 0.904, 82.0, 95.8,
     "1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
    ("S", 384, 1.0, 83.9, 96.7,
     "e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"),
    ("M", 480, 1.0, 85.3, 97.4,
     "a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"),
    ("L", 480, 1.0, 85.7, 97.5,
     "27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"),
)  # fmt: skip

# variant, top-1, SHA-256 with top, SHA-256 without. Keras publishes no accuracy of its copies of
# the authors' weights; B and larger were trained on ImageNet-22k first (the paper, table 1).
CONVNEXT = (
    ("Tiny", 82.1, "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
     "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1"),
    ("Small", 83.1, "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
     "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab"),
    ("Base", 85.8, "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
     "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45"),
    ("Large", 86.6, "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
     "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd"),
    ("XLarge", 87.0, "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
     "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05"),
)  # fmt: skip


def rows() -> list[Checkpoint]:
    """Every file of keras.applications, families in the order of their papers."""
    found = []
    for name, path, size, top, no_top, top1, top5, preprocessing, licence in PLAIN:
        found += _pair(name, path, size, (top, no_top), (top1, top5), preprocessing, licence)
    for name, file, top, no_top, top1, top5, size in NASNET:
        found += _pair(
            name, f"nasnet/{file}", size, (top, no_top), (top1, top5), "tensorflow", "Apache-2.0",
            endings=(".h5", "-no-top.h5"),
        )  # fmt: skip
    found += _mobilenets()
    for name, alpha, minimalistic, top, no_top, top1 in MOBILENET_V3:
        size = name.removeprefix("MobileNetV3").lower() + ("_minimalistic" if minimalistic else "")
        found += _pair(
            name, f"mobilenet_v3/weights_mobilenet_v3_{size}_224_{alpha}_float", 224,
            (top, no_top), (top1, None), "tensorflow", "not stated",
            endings=(".h5", "_no_top_v2.h5"),
            arguments=(("alpha", alpha), ("minimalistic", minimalistic)),
        )  # fmt: skip
    for variant, size, crop, top1, top5, top, no_top in EFFICIENTNET:
        found += _pair(
            f"EfficientNet{variant}", f"{STORAGE}keras-applications/efficientnet{variant.lower()}",
            size, (top, no_top), (top1, top5), "torch", "not stated", crop=(crop, "bicubic"),
        )  # fmt: skip
    for variant, size, crop, top1, top5, top, no_top in EFFICIENTNET_V2:
        found += _pair(
            f"EfficientNetV2{variant}", f"efficientnet_v2/efficientnetv2-{variant.lower()}",
            size, (top, no_top), (top1, top5),
            # The larger ones were trained on x / 128 - 1, the B ones on ImageNet's statistics.
            "torch" if variant.startswith("B") else "tensorflow128",
            "not stated", crop=(crop, "bicubic"),
        )  # fmt: skip
    for variant, top1, top, no_top in CONVNEXT:
        found += _pair(
            f"ConvNeXt{variant}", f"convnext/convnext_{variant.lower()}", 224, (top, no_top),
            (top1, None), "torch", "not stated", crop=(0.875, "bicubic"),
            protocol="ImageNet-1k validation at 224, as the paper reports for these weights",
        )  # fmt: skip
    return found


def _mobilenets() -> list[Checkpoint]:
    """MobileNet V1 and V2: a file for each width and size, and no hash in Keras's source."""
    found = []
    for alpha, top1, top5 in MOBILENET:
        for size in MOBILENET_SIZES:
            width = f"{alpha * 10:.1f}".replace(".", "_") if alpha < 1 else "1_0"
            found += _pair(
                "MobileNet", f"mobilenet/mobilenet_{width}_{size}_tf", size, (None, None),
                (top1, top5) if size == 224 else (None, None), "tensorflow", "Apache-2.0",
                endings=(".h5", "_no_top.h5"),
                arguments=(("alpha", alpha), ("depth_multiplier", 1)),
            )  # fmt: skip
    for alpha, top1, top5 in MOBILENET_V2:
        for size in MOBILENET_V2_SIZES:
            found += _pair(
                "MobileNetV2", f"mobilenet_v2/mobilenet_v2{KERNELS}_{alpha}_{size}", size,
                (None, None), (top1, top5) if size == 224 else (None, None), "tensorflow",
                "Apache-2.0", endings=(".h5", "_no_top.h5"), arguments=(("alpha", alpha),),
            )  # fmt: skip
    return found
