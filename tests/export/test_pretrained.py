"""EfficientNet-Lite0 with its real weights: int8 stays within two points of float."""

from pathlib import Path

import pytest

from kapps.export import export

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "imagenet_samples"


def test_int8_of_efficientnet_lite0(tmp_path):
    if not SAMPLES.is_dir():
        pytest.skip("needs the 100 ImageNet samples in ../shared, which are not published here")
    # Half of the samples calibrate, the other half judges.
    for name in ("calibrate", "judge"):
        (tmp_path / name).mkdir()
    for i, path in enumerate(sorted(SAMPLES.iterdir())):
        folder = tmp_path / ("calibrate" if i % 2 else "judge")
        (folder / path.name).symlink_to(path)
    bundle = export(
        "EfficientNetLite0",
        tmp_path / "bundle",
        quantize="int8",
        calibrate=f"folder:{tmp_path / 'calibrate'}",
        data=f"folder:{tmp_path / 'judge'}",
    )
    check = bundle.report["verification"]
    assert check["images"] == 50 and check["keras_top1"] > 0.8
    assert check["drop"] <= 2
    assert bundle.spec["input"]["quantization"] == {"scale": 1 / 128, "zero_point": 127}
    assert bundle.spec["bytes"] < 5.5e6
    print(check)
