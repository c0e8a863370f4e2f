# Three commands, each whole on a machine with Python 3.11 or newer, g++ or clang++, and make: it makes .venv and installs
# what it needs. With ELMAN_WITHOUT_KERNELS=1 nothing is compiled, and no compiler is needed.
#   make demo    train a small language model for about a minute, and use it
#   make test    the fast suite
#   make check   formatting, lint and types
# And for who changes the C++:
#   make kernels               compile what has changed; ELMAN_SANITIZE=address,undefined make kernels looks for errors
#   make test-without-kernels  the fast suite on a second installation, made where there is no compiler
# Versions are those of constraints.txt, for what is installed and for what builds it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PURE := .venv-without-kernels
NATIVE := CMakeLists.txt $(wildcard src/elman/kernels/native/*)
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
INSTALL := -m pip install --quiet --disable-pip-version-check
PIP := $(BIN)/python $(INSTALL)

.PHONY: demo test test-slow test-without-kernels check format develop kernels clean
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

# Without isolation the build tools keep their place, so that ninja knows what it has compiled; with it they move each time.
kernels: | $(BIN)/python
	@echo "compiling the kernels"
	@$(PIP) cmake nanobind ninja scikit-build-core
	@$(PIP) --no-build-isolation --no-deps --editable .

# PATH holds the Python of the environment and nothing else, so that a compiler would not be found. Not editable: this is
# also the test of what a wheel holds.
test-without-kernels: | $(PURE)/bin/python
	@echo "installing elman without its kernels into $(PURE)"
	@PATH="$(CURDIR)/$(PURE)/bin" ELMAN_WITHOUT_KERNELS=1 $(PURE)/bin/python $(INSTALL) ".[train,develop]"
	@$(PURE)/bin/python -m pytest --numprocesses 2

clean:
	rm -rf $(VENV) $(PURE) build .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python $(PURE)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("elman needs Python 3.11 or newer, found %d.%d: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "making $(@D:/bin=)"
	@$(PYTHON) -m venv $(@D:/bin=)

$(VENV)/train.installed: pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	@echo "installing elman with PyTorch into $(VENV)"
	@$(PIP) --editable ".[train]"
	@touch $@

# Where only the C++ has changed, only the C++ is done again.
$(VENV)/develop.installed: pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	@$(MAKE) --no-print-directory $(if $(filter pyproject.toml constraints.txt,$?),develop,kernels)
	@touch $@

develop: | $(BIN)/python
	@echo "installing elman and its development tools into $(VENV)"
	@$(PIP) --editable ".[train,develop]"
