# Everything a person needs: `make demo` and `make test` do their own set-up from a clean clone.
.DEFAULT_GOAL := help
ARGS ?=

# Where it is set, every command that a test starts compiles everything anew, which takes longer than the command.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# What the pages load comes with the install (frontend/build.py). Where it is gone, the install is made anew.
FRONT_END := src/interlock/web/static/vendor/made-from
ANEW := $(if $(wildcard $(FRONT_END)),,anew)

# Made anew when one of these changes. With uv where it is installed (it also fetches a Python), else with venv and pip.
$(READY): pyproject.toml frontend/package-lock.json frontend/build.py $(ANEW)
	@set -e; \
	if command -v uv >/dev/null 2>&1; then \
	  echo "Setting up in $(VENV) with uv ..."; \
	  uv venv --quiet --allow-existing $(VENV); \
	  uv pip install --quiet --python $(BIN)/python --editable . --group dev; \
	else \
	  for python in $${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "Interlock needs Python 3.11 or newer, and there is none here. Install one, or uv, which brings its own." >&2; \
	    exit 2; \
	  fi; \
	  echo "Setting up in $(VENV) with $$($$python --version), venv and pip (a minute or two the first time) ..."; \
	  $$python -m venv $(VENV); \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'; \
	  $(BIN)/python -m pip install --quiet --editable . --group dev; \
	fi; \
	touch $@; \
	echo "Ready."

setup: $(READY) ## make the virtual environment

demo: $(READY) ## the main job on sample data, nothing to set up (ARGS=--once)
	@$(BIN)/interlock demo $(ARGS)

# One more than there are cores: the browser's tests wait more than they compute.
WORKERS = $(shell $(BIN)/python -c "import os; print((os.cpu_count() or 1) + 1)")

test: $(READY) ## unit, property, contract, simulation and browser tests
	@echo "Running the tests (about half an hour on 2 cores) ..."
	@PYTHONHASHSEED=0 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: lint test ## linters, types, layering, tests

anew:

lint: $(READY) ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## every benchmark, and a table (ARGS="NAME ..." for some)
	@$(BIN)/python benchmarks $(ARGS)

# What says itself on which database it runs. The other tests know one, or none.
ON_A_DATABASE := tests/engine $(wildcard tests/contract/test_setup_*.py tests/contract/test_sign_in*.py tests/contract/test_api*.py) \
  tests/contract/test_page_access.py

test-postgresql: $(READY) ## the engine's stories and the pages' tests, all of them on PostgreSQL
	@PYTHONHASHSEED=0 INTERLOCK_TEST_DATABASE=postgresql $(BIN)/python -m pytest $(ON_A_DATABASE) -n auto --dist worksteal $(ARGS)

SEEDS ?= 20000
FIRST_SEED ?= 0

simulate: $(READY) ## many seeds of the simulator (SEEDS=n FIRST_SEED=k)
	@PYTHONHASHSEED=0 $(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST_SEED) $(ARGS)

golden: $(READY) ## write the tables of tests/golden anew; then read what changed
	@$(BIN)/python -m tests.golden

.PHONY: anew help setup demo test test-postgresql check lint bench simulate golden
