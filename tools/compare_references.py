"""Any network against its reference in timm or torchvision, by the same deterministic checkpoint.

    .venv/bin/python -m tools.compare_references timm/MODEL torchvision/MODEL@64 \\
        --reference REFERENCE/bin/python [--norm-scale 0.8] [--depth 2]

What `tests/parity/golden` does for the networks of `make test`, for those that have no golden:
`tools.make_goldens` runs in the reference's environment, in a process of its own, and writes into a
temporary folder; then ours are built, loaded through the dialect and asked the same. A line each:
our error, the reference's own in float32, how far its answers to the two images lie apart. An error
above 1e-4 ends the run with code 1. Sizes of 64 to 96 pixels take seconds and still show every
padding; networks with windows or tables of places want a size of their own. Transformers too large
for the memory are compared with fewer of their blocks, which are alike: --depth.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np

TOLERANCE = 1e-4
ROOT = Path(__file__).parents[1]


def compare(name: str, folder: Path) -> str | None:
    """Print the line of one golden of `folder`; what is wrong with it, or None."""
    import keras

    from tests.parity import goldens

    stem = name.replace("/", "__")
    facts = json.loads((folder / f"{stem}.json").read_text("utf-8"))
    expected = np.load(folder / f"{stem}.logits.npy")
    apart = np.abs(expected[0] - expected[1]).max() / np.abs(expected).max()
    try:
        error = goldens.relative_error(name, folder)
    except Exception as problem:
        traceback.print_exc(limit=3)
        return f"{name}: {problem}"
    finally:
        keras.backend.clear_session()
        gc.collect()
    print(
        f"{name}: error {error:.1e}, the reference's {facts['float32_error']:.1e}, "
        f"answers apart {apart:.1e}",
        flush=True,
    )
    return f"{name}: error {error:.1e}" if not error <= TOLERANCE else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="timm/MODEL or torchvision/MODEL, or either@SIZE")
    parser.add_argument("--reference", required=True, help="python of the reference's environment")
    parser.add_argument("--norm-scale", default="1.0", help="of normalisations")
    parser.add_argument("--depth", help="blocks of transformers, where all are too many")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [options.reference, "-m", "tools.make_goldens", *options.names]
        command += ["--norm-scale", options.norm_scale, "--folder", folder]
        command += ["--depth", options.depth] if options.depth else []
        subprocess.run(command, cwd=ROOT, check=True)
        problems = [compare(name, Path(folder)) for name in options.names]
    if wrong := list(filter(None, problems)):
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
