# make run    start it here: the checks, the page and /metrics on http://127.0.0.1:9877/
# make test   prove it; both do the whole set-up first
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.ready

.PHONY: run test lab setup check bench clean
.DELETE_ON_ERROR:

run: setup
	$(BIN)/vipwarden run

test: setup
	$(BIN)/python -m pytest $(PYTEST)

# the whole cluster when something breaks, with the tutorials' scripts and with ours: docs/lab.md
lab: setup
	$(BIN)/python -m tests.lab $(LAB)

.PHONY: clients
# what Nagios, Icinga and NRPE are told of the checks, written from their signatures
clients: setup
	$(BIN)/python packaging/clients.py

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m bench $(BENCH)

setup: $(SETUP)

# The launchers stand after pip's own, which start slowly: see packaging/launchers.py
$(SETUP): setup.cfg pyproject.toml constraints.txt packaging/launchers.py $(wildcard checks/*.py)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vipwarden needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python packaging/launchers.py --python $(CURDIR)/$(BIN)/python --code . --libraries "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" $(BIN)
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
