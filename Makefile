# Everything a person needs: `make demo` and `make test` do their own set-up from a clean clone.
.DEFAULT_GOAL := help
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
	  echo "Setting up with uv into $(VENV) ..."; \
	  uv venv --quiet --allow-existing $(VENV) && uv pip install --quiet --python $(BIN)/python --editable . --group dev; \
	else \
	  echo "Setting up with venv and pip into $(VENV) (a minute or two the first time) ..."; \
	  python3 -m venv $(VENV) && $(BIN)/python -m pip install --quiet --upgrade pip \
	  && $(BIN)/python -m pip install --quiet --editable . --group dev; \
	fi
	@touch $@

setup: $(READY) ## make the virtual environment

demo: $(READY) ## the main job on sample data, nothing to set up (ARGS=--once)
	@$(BIN)/interlock demo $(ARGS)

test: $(READY) ## unit, property, contract and simulation tests
	@echo "Running the tests (on 2 cores under 5 minutes) ..."
	@PYTHONHASHSEED=0 $(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: lint test ## linters, types, layering, tests

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: help setup demo test check lint bench
