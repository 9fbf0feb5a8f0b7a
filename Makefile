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
SOURCES := nodeward.py data features models serving pipelines tests examples

.PHONY: help install demo check test integration endurance wheel-test security licences bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## create .venv from requirements.lock, and install the project in it

$(STAMP): requirements.lock pyproject.toml
	"$(PYTHON)" -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Nodeward needs Python 3.11 or newer, this is " + sys.version)'
	"$(PYTHON)" -m venv --clear $(VENV)
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	$(PIP) check
	touch $@

demo: $(STAMP) ## run every step on a simulated fleet; the result is var/demo/report.html
	rm -rf var/demo
	$(BIN)/nodeward demo var/demo

check: $(STAMP) ## check formatting, lint, types, direction of imports, size of modules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@find $(SOURCES) -name '*.py' -exec awk 'FNR == 1 {n = 0} NF {n++} n == 401 {print FILENAME ": over 400 lines"; bad = 1} END {exit bad}' {} +

test: $(STAMP) ## run the unit and check suites, which need no server
	$(BIN)/python -m pytest -n $(WORKERS) --ignore tests/integration

integration: $(STAMP) ## run the tests that need PostgreSQL, a Prefect server with a worker, or Chromium
	$(BIN)/python -m pytest tests/integration --durations 10

endurance: $(STAMP) ## write docs/endurance.md: the longest loops of the integration tests, run whole
	$(BIN)/python -m tests.endurance

# Create an environment that can import the packages of $(VENV), but not the project.
PURELIB := -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
borrowing = "$(PYTHON)" -m venv --clear $(1) && $(BIN)/python $(PURELIB) > "$$($(1)/bin/python $(PURELIB))/borrowed.pth"

# The wheel is installed in its own environment, which borrows the dependencies; the tests are copied without the source.
WHEEL := build/wheel
wheel-test: $(STAMP) ## build the wheel, and test it without access to the source folders
	rm -rf $(WHEEL)
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir $(WHEEL)/dist .
	$(call borrowing,$(WHEEL)/env)
	$(WHEEL)/env/bin/python -m pip --disable-pip-version-check install --quiet --no-deps $(WHEEL)/dist/*.whl
	mkdir -p $(WHEEL)/alone
	cp -r tests examples docs README.md Makefile pyproject.toml $(WHEEL)/alone
	ln -s "$(CURDIR)/../shared" $(WHEEL)/shared
	cd $(WHEEL)/alone && ../env/bin/python -m tests.release.wheel && ../env/bin/python -m pytest -n $(WORKERS) tests/checks tests/pipelines tests/test_nodeward.py --ignore tests/pipelines/test_packaging.py

security: $(STAMP) ## check the locked dependencies for known vulnerabilities and for licences (`check` looks for unsafe code)
	$(BIN)/python -m tests.release.vulnerabilities requirements.lock
	$(BIN)/python -m tests.release.licences --check docs/licences.md

licences: $(STAMP) ## write docs/licences.md
	$(BIN)/python -m tests.release.licences docs/licences.md

# When pip checks hashes, a requirement with extras must also be pinned without them.
BOTH := import re, sys; [print(block + (re.sub(r"\[.*?\]", "", block, count=1) if re.match(r"[\w-]+\[", block) else ""), end="") \
	for block in re.split(r"(?m)^(?=\w)", sys.stdin.read())]

BENCH := build/bench
bench: $(STAMP) ## write docs/benchmarks.md: speed, memory, other learners on the model's own features; needs ../shared/datasets
	$(call borrowing,$(BENCH))
	$(BENCH)/bin/python -m pip --disable-pip-version-check install --quiet 'catboost>=1.2.10' 'lifelines==0.30.0' 'xgboost-cpu>=3.2'
	$(BENCH)/bin/python -m tests.benchmarks.run_all

lock: ## resolve pyproject.toml into a new requirements.lock
	"$(PYTHON)" -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	build/lock/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --quiet --output-file build/lock/resolved
	build/lock/bin/python -c '$(BOTH)' < build/lock/resolved > requirements.lock

clean: ## remove what the targets created; the run-time state in var/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
