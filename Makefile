# Two commands matter: `make cartpole` and `make test`. The rest is for developers.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := pyproject.toml constraints.txt

.PHONY: cartpole test lint types bench clean

cartpole: .venv/.core
	$(BIN)/upright train CartPole-v1

test: .venv/.test
	$(BIN)/python -m pytest

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

bench: .venv/.bench
	$(BIN)/python benchmarks/time_to_solve.py

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache

.venv/.core: $(SOURCES)
	@echo "Making .venv and installing Upright; PyTorch is large, so the first time takes a minute or more."
	$(PYTHON) -m venv .venv
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/.test: .venv/.core
	$(PIP) install --quiet --constraint constraints.txt --editable ".[test]"
	@touch $@

.venv/.dev: .venv/.core
	$(PIP) install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

.venv/.bench: .venv/.core
	$(PIP) install --quiet --constraint constraints.txt --editable ".[bench]"
	@touch $@
