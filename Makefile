# Two commands on a fresh machine with Python 3.11+: `make verify` and `make test`.
# The environment lives in .venv and is rebuilt only when pyproject.toml changes.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
RUN_READY := .venv/.ready-run
DEV_READY := .venv/.ready-dev
# A worker takes whole files, the longest first (tests/durations.json), and one core for algebra.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help verify test tests test-all test-quick durations lint types docs bench clean

help:
	@echo "make verify      theory against simulation, published numbers and a real sweep; writes a report"
	@echo "make test        tests, lint and types: under six minutes"
	@echo "make test-all    every test, those at many points included, all types checked at run time"
	@echo "make test-quick  the tests that take moments: under half a minute"
	@echo "make durations   records how long each test takes: what test-quick leaves out"
	@echo "make lint types  ruff; pyright"
	@echo "make docs        the pages, every notebook and example run; docs/_build/html"
	@echo "make bench       speed against named peers"

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("prunelaw needs Python 3.11 or later; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

$(RUN_READY): pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(DEV_READY): pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(RUN_READY) $@

verify: $(RUN_READY)
	$(BIN)/prunelaw verify $(ARGS)

# Lint and types run beside the tests.
test: $(DEV_READY)
	@$(MAKE) --no-print-directory --jobs=3 lint types tests

tests: $(DEV_READY)
	$(PYTEST) -m "not exhaustive" $(ARGS)

test-all: $(DEV_READY)
	$(PYTEST) --all-types $(ARGS)

test-quick: $(DEV_READY)
	$(PYTEST) -m "not exhaustive" --quick $(ARGS)

durations: $(DEV_READY)
	$(PYTEST) -m "not exhaustive" --record $(ARGS)

lint: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_READY)
	$(BIN)/pyright

docs: $(DEV_READY)
	$(BIN)/python docs/check_examples.py
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

bench: $(DEV_READY)
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .jax_cache
