# Three commands, each whole on a machine with Python 3.11 or newer and make: it makes .venv and installs what it needs.
#   make demo    train a small language model for about a minute, and use it
#   make test    the fast suite
#   make check   formatting, lint and types
# Versions are those of constraints.txt, for what is installed and for what builds it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-slow check format clean
.DELETE_ON_ERROR:

demo: $(VENV)/train.installed
	@$(BIN)/elman demo

test: $(VENV)/develop.installed
	@$(BIN)/python -m pytest

test-slow: $(VENV)/develop.installed
	@$(BIN)/python -m pytest -m slow

check: $(VENV)/develop.installed
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(VENV)/develop.installed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("elman needs Python 3.11 or newer, found %d.%d: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/train.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing elman with PyTorch into $(VENV)"
	@$(PIP) --editable ".[train]"
	@touch $@

$(VENV)/develop.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing elman and its development tools into $(VENV)"
	@$(PIP) --editable ".[train,develop]"
	@touch $@
