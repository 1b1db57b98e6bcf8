# Everything here needs Python 3.11 or newer and make; `web` alone needs Node 20 too.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A worker keeps the tests of a file, and with them the server or node that they share; whoever is done early takes from the others.
TOGETHER := -n auto --dist worksteal
# One more worker than processors: a good part of the time tests wait for other processes. Stories compare times: those have one each.
WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Benches are run seldom: that what they call is still there, and takes what they give, is checked with the rest.
CALLS_ONLY := --config-file= --check-untyped-defs --no-strict-optional --ignore-missing-imports --explicit-package-bases --follow-imports=silent
CALLS_ONLY += $(addprefix --disable-error-code=,arg-type attr-defined list-item func-returns-value var-annotated)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start some hundred processes: each would compile the whole program where nothing may be kept.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run example test stories check web packs bench docs lock clean

help:  ## what can be made
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("anyascope needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.server: requirements/server.txt pyproject.toml | $(BIN)/python
	@echo "Installing the pinned server into $(VENV); this happens once."
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/server.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.server
	@echo "Installing what the tests need into $(VENV); this happens once."
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

run: $(VENV)/.server  ## install, then start the server in the foreground
	@exec $(BIN)/anyascope up $(ARGS)

example: $(VENV)/.server  ## a custody service that shows every signal; run it beside `make run`
	@exec $(BIN)/python examples/custody_api/main.py $(ARGS)

test: $(VENV)/.dev  ## every test that needs no browser and no long story
	@$(BIN)/python -m compileall -q -j 0 src tests/support
	$(BIN)/python -m pytest $(TOGETHER) -n $(WORKERS) -m "not e2e and not long" $(ARGS)

stories: $(VENV)/.dev  ## long tests with real programs (Prometheus, Alertmanager, nodes) beside ours
	$(BIN)/python -m pytest $(TOGETHER) -m "long and not e2e" $(ARGS)

check: $(VENV)/.dev  ## style, types, import contracts, tidiness
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=src:tests:bench $(BIN)/mypy $(CALLS_ONLY) bench
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -n0 tests/tidy

web:  ## build the page from web/ (needs Node 20)
	cd web && npm ci --no-audit --no-fund && npm run build

packs: $(VENV)/.dev  ## write the packs' dashboards and the tables of their rules
	PYTHONPATH=tools $(BIN)/python -m dashboards
	PYTHONPATH=tools $(BIN)/python -m rule_tables

bench: $(VENV)/.dev  ## print the figures of docs/benchmarks.md
	$(BIN)/python bench/run.py $(ARGS)

docs: $(VENV)/.dev  ## check that the docs' links and option lists are true
	$(BIN)/python -m pytest -n0 tests/tidy -k docs

lock:  ## pin the dependencies again (needs uv)
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --extra server requirements/build.in -o requirements/server.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --extra server --extra b3 --extra clients --extra example --extra hsm requirements/build.in requirements/dev.in -o requirements/dev.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements/sdk.txt

clean:  ## remove what was installed here
	rm -rf $(VENV) .components
