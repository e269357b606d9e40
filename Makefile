# make demo    the main job on the simulated belt            make test   every test, hardware-in-the-loop included
# make check   style, types, layers, all tests, browser         make bench  the figures, as ratios to the wire bound
# ARGS goes to the demo: make demo ARGS="--headless --json --seed 7"
# The requirements files name every package, so pip takes them as they stand (--no-deps): left to resolve, it may prefer a newer release to the pinned one.

VENV   := .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
WEB    := treadctl/console/web
ARGS   ?=

.PHONY: demo test browser check lint bench pins docs clean tools screenshots
.DEFAULT_GOAL := demo

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "treadctl needs Python 3.11 or newer; name one with PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "the venv module is missing: apt-get install python3-venv"; exit 1; }

$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing treadctl into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "installing the test tools into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip check -q --disable-pip-version-check
	@touch $@

# The console's scripts and styles, from their sources. Without npm there are none: its pages then work as plain forms, without live view and held start.
$(VENV)/.web: $(WEB)/package.json $(WEB)/package-lock.json $(wildcard $(WEB)/src/*) | $(VENV)/bin/python
	@if command -v npm >/dev/null 2>&1; then \
		echo "building the console's pages ..."; \
		cd $(WEB) && npm ci --ignore-scripts --loglevel=error && npm run --silent build && touch $(abspath $@); \
	else \
		echo "npm is missing, so the console runs without live view, held start and drawings: apt-get install nodejs npm, then again."; \
	fi

demo: $(VENV)/.run $(VENV)/.web
	@$(BIN)/treadctl demo $(ARGS)

tools:
	@tools/system-packages

# Two halves side by side, of about equal length; none of them judges time. The simulated treadmill then has the machine to itself.
BESIDE := tests/core tests/detector tests/console
test: $(VENV)/.dev tools
	@$(MAKE) --no-print-directory $(VENV)/.web
	$(BIN)/python -m pytest -q $(BESIDE) & beside=$$!; \
	$(BIN)/python -m pytest -q tests $(BESIDE:%=--ignore=%); rest=$$?; \
	wait $$beside && exit $$rest
	$(BIN)/python -m pytest -q hil --ignore-glob='hil/test_97_*'

# A real browser before the real console, the daemon and the simulated treadmill. It wants a computer that does nothing else.
browser: $(VENV)/.dev tools
	@$(MAKE) --no-print-directory $(VENV)/.web
	$(BIN)/python -m pytest -q hil/test_97_*.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test browser

bench: $(VENV)/.run
	$(BIN)/treadctl bench all

screenshots: $(VENV)/.dev tools
	@$(MAKE) --no-print-directory $(VENV)/.web
	$(BIN)/python tools/screenshots

docs: $(VENV)/.run
	$(BIN)/python -m treadctl.cli.reference docs/reference

pins: $(VENV)/.dev
	$(BIN)/pip-compile -q --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --extra plot --extra console --extra build -o requirements/run.txt pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --extra plot --extra console --extra build --extra dev --extra detector -o requirements/dev.txt pyproject.toml

clean:
	rm -rf $(WEB)/node_modules treadctl/console/static $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
