# Everything works on a machine with only Python 3.11+, make and git; the first target that needs
# packages makes .venv, later ones reuse it until setup.py or the constraints change.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
CONSTRAINTS ?= requirements/ci.txt
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 1)

BIN := .venv/bin
# One file of tests stays in one process: its fixtures (a trained run, an export) are made once. The
# files are handed out in the order of tests/conftest.py, the longest first.
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: help venv demo test test-all lint format tables benchmarks docs dist clean

help:  ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1|/' | \
		awk -F'|' '{printf "%-18s%s\n", $$1, $$2}'

venv: .venv/.installed  ## make the virtual environment .venv

.venv/.installed: setup.py $(CONSTRAINTS)
	@test -n "$(PYTHON)" || { echo "kapps needs Python 3.11 or newer; set PYTHON=..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c $(CONSTRAINTS) -e '.[all]'
	touch $@

demo: venv  ## the main job on real input: train, fine-tune, export, run; writes runs/demo/report.html
	$(BIN)/kapps demo

test: venv  ## every family on TensorFlow, one for each mechanism on JAX and torch
	KERAS_BACKEND=tensorflow $(PYTEST) -m "not sweep"
	KERAS_BACKEND=jax $(PYTEST) -m "contract and not sweep"
	KERAS_BACKEND=torch $(PYTEST) -m "contract and not sweep"

test-all: venv  ## every test and model; on JAX and torch all that concerns the backend (hours)
	KERAS_BACKEND=tensorflow $(PYTEST)
	KERAS_BACKEND=jax $(PYTEST) -m contract
	KERAS_BACKEND=torch $(PYTEST) -m contract

lint: venv  ## what CI and the pre-commit hooks check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: venv  ## rewrite the files in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

tables: venv  ## regenerate the facts and the model tables of the docs
	$(BIN)/python -m tools.update_tables

benchmarks: venv  ## measure against the peers side by side; writes docs/benchmarks.md
	$(BIN)/python -m tools.benchmarks

docs: .venv/.docs  ## the site, warnings are errors; writes build/site/index.html
	$(BIN)/python -m tools.site

dist: .venv/.dist  ## a wheel and a source package in dist/, checked
	rm -rf dist build/lib build/bdist.*
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

.venv/.docs .venv/.dist: .venv/.installed
	$(BIN)/python -m pip install --disable-pip-version-check -c $(CONSTRAINTS) -e '.[$(patsubst .%,%,$(notdir $@))]'
	touch $@

clean:  ## remove the environment and the caches of the tools, never runs/
	rm -rf .venv .pytest_cache .ruff_cache build *.egg-info
