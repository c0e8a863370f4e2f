# Three commands for a machine with Python 3.11 or newer, g++ or clang++, and make. Each creates .venv and installs what it
# needs. With ELMAN_WITHOUT_KERNELS=1, nothing is compiled and no compiler is needed.
#   make demo    train a small language model for about a minute, and use it
#   make test    the fast suite, three minutes on two cores; make test-integration has whole commands and notebooks
#   make check   formatting, lint and types, of Python and C++
# For changes of the C++:
#   make kernels               compile what has changed
#   make test-without-kernels  both suites in an installation without a compiler, but for what does not depend on it
#   make test-sanitized        the tests of the kernels with g++'s sanitizers, which check every memory access (Linux)
# For changes of what runs in a browser (web/), with Node.js 20 or newer:
#   make web                   build what is shipped in src/elman/web: commit it with the change
#   make test-web              check that it is what the sources give, and run the tests in Node.js and in Chromium
# make docs builds the documentation site in docs/_build/site; ELMAN_DOCS_SCALE=smoke shortens the trainings of the labs.
# make test-slow runs the slow tests, and the property tests with 2,000 examples each.
# constraints.txt has the versions of all packages and build tools.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PURE := .venv-without-kernels
SANITIZED := .venv-sanitized
NATIVE := CMakeLists.txt $(wildcard src/elman/kernels/native/*)
WEB_SOURCES := $(wildcard web/kernels/*.cpp web/kernels/*.hpp)
CXX_SOURCES := $(filter %.cpp,$(NATIVE))
CXX_COMPILER := $(if $(ELMAN_WITHOUT_KERNELS),,$(shell for name in $(CXX) c++ g++ clang++; do command -v $$name && break; done))
NO_COMPILER := no C++ compiler is found: install g++ or clang++ (Debian and Ubuntu: apt install g++), or install elman \
  without its kernels, as pure Python, which is slower: ELMAN_WITHOUT_KERNELS=1 make $(MAKECMDGOALS)
REQUIRE_COMPILER = $(if $(ELMAN_WITHOUT_KERNELS)$(CXX_COMPILER),:,echo "$(NO_COMPILER)" >&2; exit 1)
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
INSTALL := -m pip install --quiet --disable-pip-version-check
PIP := $(BIN)/python $(INSTALL)
# Two processes of tests share the cores: their idle threads sleep, NumPy's products have none besides, and bytecode is
# kept for the children.
TWO_PROCESSES := PYTHONDONTWRITEBYTECODE= OMP_WAIT_POLICY=passive OPENBLAS_NUM_THREADS=1

# PATH holds the Python of the environment and nothing else, so that a compiler would not be found.
WITHOUT_COMPILER = PATH="$(CURDIR)/$(PURE)/bin" ELMAN_WITHOUT_KERNELS=1

.PHONY: demo environments test test-integration test-slow test-without-kernels test-sanitized test-web web web-tests check check-cxx check-cxx-skipped format docs docs-pages develop kernels clean
.DELETE_ON_ERROR:

demo: $(VENV)/train.installed
	@$(BIN)/elman demo

# What the checks and tests below need. make --jobs 2 environments installs two of them at a time.
environments: $(VENV)/web.installed web/node_modules $(PURE)/develop.installed

test: $(VENV)/develop.installed
	@$(TWO_PROCESSES) $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

test-integration: $(VENV)/develop.installed
	@$(TWO_PROCESSES) $(BIN)/python -m pytest -m "integration and not slow" --numprocesses 2 --dist worksteal

test-slow: $(VENV)/develop.installed
	@$(BIN)/python -m pytest -m "slow or hypothesis" --hypothesis-profile slow

check: $(VENV)/develop.installed
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/clang-format --dry-run --Werror $(filter %.cpp %.hpp,$(NATIVE)) $(WEB_SOURCES)
	@$(MAKE) --no-print-directory $(if $(CXX_COMPILER),check-cxx,check-cxx-skipped)

# clang-tidy needs to know how each source is compiled, so it needs a compiler and nanobind's headers. 20 seconds on two
# cores.
check-cxx: build/tidy/compile_commands.json
	@printf '%s\n' $(CXX_SOURCES) | xargs -P 2 -n 1 $(BIN)/clang-tidy -p build/tidy --quiet

check-cxx-skipped:
	@echo "no C++ compiler, or ELMAN_WITHOUT_KERNELS is set: clang-tidy is not run"

build/tidy/compile_commands.json: CMakeLists.txt constraints.txt
	@$(PIP) cmake nanobind ninja
	@$(BIN)/cmake -S . -B build/tidy -G Ninja -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja \
		-DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python -Dnanobind_DIR="$$($(BIN)/python -m nanobind --cmake_dir)" >/dev/null
	@touch $@

format: $(VENV)/develop.installed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/clang-format -i $(filter %.cpp %.hpp,$(NATIVE)) $(WEB_SOURCES)

# Without isolation the build tools keep their place, so that ninja knows what it has compiled; with it they move each time.
kernels: | $(BIN)/python
	@echo "compiling the kernels"
	@$(PIP) cmake nanobind ninja scikit-build-core
	@$(PIP) --no-build-isolation --no-deps --editable .

# What is the same with kernels and without: make test and make test-integration run it.
INDEPENDENT := data decoding docs figures inspect labs metrics resume serve text test_architecture.py test_benchmarks.py \
  test_notebooks.py test_project_files.py test_prose.py test_translations.py

# Not editable: this is also the test of what a wheel holds.
test-without-kernels: $(PURE)/develop.installed
	@$(WITHOUT_COMPILER) $(PURE)/bin/python $(INSTALL) --no-deps --force-reinstall .
	@$(TWO_PROCESSES) $(PURE)/bin/python -m pytest -m "not slow and not web" --numprocesses 2 --dist worksteal \
		$(addprefix --ignore=tests/,$(INDEPENDENT))

$(PURE)/develop.installed: pyproject.toml constraints.txt | $(PURE)/bin/python
	@echo "installing elman without its kernels into $(PURE)"
	@$(WITHOUT_COMPILER) $(PURE)/bin/python $(INSTALL) ".[train,develop]"
	@touch $@

# The sanitizers' own libraries have to be there before Python is, and the standard library with them, whose throw they
# watch. Python itself frees nothing at its end: that is no leak.
test-sanitized: | $(SANITIZED)/bin/python
	@echo "installing elman with sanitized kernels into $(SANITIZED)"
	@CXX=g++ ELMAN_SANITIZE=address,undefined $(SANITIZED)/bin/python $(INSTALL) \
		--config-settings=build-dir=build/sanitized ".[train,develop]"
	@LD_PRELOAD="$(foreach library,asan ubsan stdc++,$(shell g++ -print-file-name=lib$(library).so))" \
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
		$(SANITIZED)/bin/python -m pytest tests/kernels tests/cells tests/nn tests/models tests/tasks/*/test_predictor.py

# The TypeScript is checked and bundled with packages from npm, the C++ is compiled with clang from the package ziglang.
web: web/node_modules $(VENV)/web.installed
	@$(BIN)/python web/build_kernels.py
	@cd web && npm run --silent build -- ../src/elman/web

web-tests: web/node_modules
	@cd web && npm run --silent build

test-web: web-tests $(VENV)/web.installed
	@cd web && npm run --silent check
	@$(TWO_PROCESSES) $(BIN)/python -m pytest -m web --numprocesses 2 --dist worksteal

web/node_modules: web/package.json web/package-lock.json
	@echo "installing the packages of web/package.json"
	@cd web && npm ci --silent --no-audit --no-fund
	@touch $@

$(VENV)/web.installed: $(VENV)/develop.installed
	@echo "installing the compiler for WebAssembly and the driver of Chromium into $(VENV)"
	@$(PIP) ziglang playwright
	@touch $@

clean:
	rm -rf web/build web/node_modules $(VENV) $(PURE) $(SANITIZED) build docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python $(PURE)/bin/python $(SANITIZED)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("elman needs Python 3.11 or newer, found %d.%d: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "making $(@D:/bin=)"
	@$(PYTHON) -m venv $(@D:/bin=)

$(VENV)/train.installed: pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	@$(REQUIRE_COMPILER)
	@echo "installing elman with PyTorch and matplotlib into $(VENV)"
	@$(PIP) --editable ".[train,plot]"
	@touch $@

$(VENV)/docs.installed: pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	@$(REQUIRE_COMPILER)
	@echo "installing elman and the tools of its documentation site into $(VENV)"
	@$(PIP) --editable ".[train,plot,data,docs]"
	@touch $@

# Where only the C++ has changed, only the C++ is done again.
$(VENV)/develop.installed: pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	@$(REQUIRE_COMPILER)
	@$(MAKE) --no-print-directory $(if $(filter pyproject.toml constraints.txt,$?),develop,kernels)
	@touch $@

# The labs run while the site is built, and again only if one of their files has changed.
docs: $(VENV)/docs.installed
	@$(BIN)/python docs/build_site.py

# Pages and pictures that are made from the code; tests compare them.
docs-pages: $(VENV)/develop.installed
	@$(BIN)/python docs/generate_options.py
	@$(BIN)/python docs/generate_labs.py
	@$(BIN)/python docs/generate_theory.py
	@$(BIN)/python docs/generate_architecture.py

develop: | $(BIN)/python
	@echo "installing elman and its development tools into $(VENV)"
	@$(PIP) --editable ".[train,develop]"
