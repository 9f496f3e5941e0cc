"""Child process: build one model cold and print the seconds; `_build.py kapps MobileNetV2`."""

import importlib
import sys
import time

from tools.benchmarks._measure import RESULT


def main() -> None:
    """Time the call alone: the imports of Keras and its backend are the same on both sides."""
    library, name = sys.argv[1:]
    import keras

    keras.ops.convert_to_tensor(0.0)  # the backend is awake
    applications = importlib.import_module(f"{library}.applications")
    build = getattr(applications, name)
    began = time.perf_counter()
    build(weights=None)
    print(f"{RESULT}{time.perf_counter() - began:.4f}")


if __name__ == "__main__":
    main()
