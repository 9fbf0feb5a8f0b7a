.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
WORKERS ?= 2
SOURCES := data features models serving pipelines tests

.PHONY: help install check test lock clean

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv from requirements.lock, with the project in it

$(STAMP): requirements.lock pyproject.toml
	"$(PYTHON)" -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Nodeward needs Python 3.11 or newer, this is " + sys.version)'
	"$(PYTHON)" -m venv --clear $(VENV)
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	$(PIP) check
	touch $@

check: $(STAMP) ## formatting, lint, types, direction of imports, size of modules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@find $(SOURCES) -name '*.py' -exec awk 'FNR == 1 {n = 0} NF {n++} n == 401 {print FILENAME ": over 400 lines"; bad = 1} END {exit bad}' {} +

test: $(STAMP) ## unit and check suites
	$(BIN)/python -m pytest -n $(WORKERS)

# pip, when it checks hashes, wants a requirement with extras pinned without them as well.
BOTH := import re, sys; [print(block + (re.sub(r"\[.*?\]", "", block, count=1) if re.match(r"[\w-]+\[", block) else ""), end="") \
	for block in re.split(r"(?m)^(?=\w)", sys.stdin.read())]

lock: ## resolve pyproject.toml into requirements.lock again
	"$(PYTHON)" -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	build/lock/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --quiet --output-file build/lock/resolved
	build/lock/bin/python -c '$(BOTH)' < build/lock/resolved > requirements.lock

clean: ## remove what the targets made; run-time state in var/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
