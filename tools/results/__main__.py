"""Run the small experiments of docs/results.md and write what they gave.

    python -m tools.results [EXPERIMENT ...] [--parts NAME ...] [--seeds N ...]

Every experiment is `kapps train` or `kapps finetune` as a user runs it. What is measured replaces
what was measured before with that seed, in tools/results/measured.json; the page is written from
that file. Without data an experiment is left out and keeps its section.
"""

import argparse
import json
import sys

from tools.results import cells, cifar10, degradation, lenet, lora, phone, streets
from tools.results.measuring import ROOT, Place, environment

PAGE = ROOT / "docs" / "results.md"
MEASURED = ROOT / "tools" / "results" / "measured.json"
HEAD = """# Results

Written by `python -m tools.results`: small experiments that anyone can run on a laptop, with the
commands behind each figure. Runs and data sets have short names below a folder of the tool's
(`runs/results`); `data/sign_digits` is the Sign Language Digits Dataset (1,644 photos to train on,
418 to judge by) and `data/cifar10_subset` a tenth of CIFAR-10. All judging is by pictures that no
training saw; where a section says nothing else it is after the last epoch, so that none was chosen
by them. The settings of LeNet-5 were changed three times after a look at its figures. The machine
was shared: CPU seconds say more than seconds.
"""
EXPERIMENTS = {
    "lenet5_digits": lenet.DIGITS,
    "lenet5_fashion_mnist": lenet.FASHION_MNIST,
    "efficientnetlite0": phone.FINETUNED,
    "distillation": phone.DISTILLED,
    "resnet20_cifar10": cifar10.SUBSET,
    "degradation": degradation.DEEPER,
    "lora": lora.ADAPTED,
    "cells": cells.CELLS,
    "streets": streets.STREETS,
}


def page(measured: dict) -> str:
    """The page of what was measured: experiment -> part -> seed -> numbers."""
    sections = [EXPERIMENTS[name].show(measured.get(name, {})) for name in EXPERIMENTS]
    return "\n\n".join([HEAD.rstrip(), *sections]) + "\n"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Measure the experiments named, all by default, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="*", choices=[*EXPERIMENTS, []])
    parser.add_argument("--parts", nargs="*", help="of them; all by default")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--place", default=ROOT / "runs" / "results")
    parser.add_argument("--resume", action="store_true", help="go on with runs that were killed")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page")
    words = parser.parse_args()
    measured = json.loads(MEASURED.read_text("utf-8")) if MEASURED.exists() else {}
    for name in [] if words.page else words.experiments or EXPERIMENTS:
        for part, measure in EXPERIMENTS[name].parts.items():
            for seed in words.seeds if part in (words.parts or [part]) else []:
                place = Place(words.place, _say, words.resume)
                try:
                    found = measure(place, seed)
                except FileNotFoundError as error:
                    print(f"{name} {part} is left out: {error}", file=sys.stderr)
                    continue
                found |= {"commands": place.commands, **environment()}
                measured.setdefault(name, {}).setdefault(part, {})[str(seed)] = found
                MEASURED.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n", "utf-8")
                print(name, part, seed, found, flush=True)
    PAGE.write_text(page(measured), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
