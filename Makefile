# `make` lists what there is to do. Everything sets itself up in .venv; nothing outside this folder is changed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test soak bench conformance docs clean

JOBS ?= 2
SEED ?= $(shell date +%s)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

demo: .venv/ready-to-run ## three replicas of real documents: edit, replicate, clash, resolve, verify
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: .venv/ready-to-test ## run all checks: style, types, layers, tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(JOBS) --dist loadfile

soak: .venv/ready-to-test ## look for new failures for a long time; repeat a run with SEED=…
	REPLICA_SOAK=1 $(BIN)/pytest -m "soak or hypothesis" -n $(JOBS) --dist load --maxschedchunk 1 \
	    --hypothesis-seed=$(SEED) --hypothesis-show-statistics --durations 20

bench: .venv/ready-to-run ## measure, side by side with others; options in ARGS="…"
	$(BIN)/python benchmarks/run.py $(ARGS)

conformance: .venv/ready-to-test ## run PouchDB's own tests against the server; SUITE=… is a copy of its repository
	$(BIN)/python -m tests.conformance.run $(SUITE)

docs: .venv/ready-to-run ## render the documents to build/docs; they read well without it
	$(PIP) install --upgrade 'pip >= 25.1'
	$(PIP) install --group docs
	$(BIN)/sphinx-build --quiet --fail-on-warning docs build/docs

clean: ## remove what these targets made
	rm -rf .venv build dist .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache benchmarks/peers/node_modules
	find replica migrations tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# With the first Python of at least 3.11 that can make an environment; PYTHON=… is tried before the others.
.venv/bin/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	    if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "making .venv with $$python"; exec $$python -m venv --clear .venv; \
	    fi; \
	done; \
	echo "Python 3.11 or newer with venv is needed (Debian: apt install python3-venv)." >&2; exit 1

.venv/ready-to-run: pyproject.toml | .venv/bin/python
	$(PIP) install --editable .
	@touch $@

.venv/ready-to-test: .venv/ready-to-run
	$(PIP) install --upgrade 'pip >= 25.1'
	$(PIP) install --group dev
	@touch $@
