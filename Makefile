# make run    start it here: the checks, the page and /metrics on http://127.0.0.1:9877/
# make test   prove it; both do the whole set-up first
# make rpm, make deb, make dist      packages, into dist/
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.ready
LAUNCHERS := $(VENV)/.launchers
# make test INSTALL=no: missing programs are not installed, and their tests are skipped
export INSTALL
# else each worker would compile all tests anew
unexport PYTHONDONTWRITEBYTECODE

AXE := $(VENV)/.axe
.PHONY: run test soak lab setup check bench dist wheels rpm deb test-packages test-bare clean
.DELETE_ON_ERROR:

run: setup
	$(BIN)/vipwarden run

# in parallel, then alone the tests that claim a short time; pytest exits 5 where PYTEST selects none
test: setup $(AXE)
	@$(BIN)/python tests/programs.py test
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not alone" $(PYTEST) || test $$? -eq 5
	$(BIN)/python -m pytest -n 1 -m alone $(PYTEST) || test $$? -eq 5

# axe-core, which reads the page in the test of it in a browser; without the package's own dependencies
$(AXE): tests/axe.txt $(SETUP)
	test "$(INSTALL)" = no || { $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $< && touch $@; }

# a fresh clone on a Debian that has python3, python3-venv, make and git: make run, and make test with what there is
test-bare: setup
	@$(BIN)/python tests/programs.py bare
	tests/bare.sh

# a cluster in which things break, with the tutorials' scripts and with ours: docs/lab.md
lab: guest
	@$(BIN)/python tests/programs.py lab
	$(BIN)/python -m tests.lab $(LAB)

.PHONY: guest
# the kind of guest that boots here; where none does, a kernel or QEMU is fetched
guest: setup
	@kind="$(BIN)/python -m tests.lab --kind"; $$kind || test "$(INSTALL)" = no || \
	  { tests/lab/kernel.sh uml && $$kind; } || tests/lab/kernel.sh qemu

.PHONY: screenshots
# pictures of the documentation: pages of the lab's cluster, by a real browser; needs root
screenshots: guest
	$(BIN)/python -m tests.screenshots

.PHONY: generate
# files derived from the checks and the exporter: commands of the wheel, Nagios, Icinga, NRPE, tables and indexes in docs/
generate: setup
	$(BIN)/python -B packaging/generate.py
	touch $(SETUP) $(LAUNCHERS) # new lines of setup.cfg name commands that the launchers are already

.PHONY: rehearse-model
# the model of VRRP against real keepalived: generated pairs, each with faults, side by side in namespaces; PAIRS is how
# many, SEED which, and RELEASE=13 takes the keepalived of that release
rehearse-model: setup
ifdef RELEASE
	@$(BIN)/python tests/programs.py releases
	@TARGET=rehearse-model PAIRS="$(PAIRS)" SEED="$(SEED)" PYTEST="$(PYTEST)" $(BIN)/python -m tests.releases $(RELEASE)
else
	@$(BIN)/python tests/programs.py test
	REHEARSE_PAIRS=$(or $(PAIRS),320) REHEARSE_SEED=$(or $(SEED),0) \
	  $(BIN)/python -m pytest tests/rehearse/proof.py tests/rehearse/processes.py --timeout 1800 -rsP $(PYTEST)
endif

.PHONY: rehearse-ipvs
# rehearsals in a guest of the lab: with real servers, as its kernel has IPVS, and with steps of its clock
rehearse-ipvs: guest
	$(BIN)/python -m pytest tests/lab/rehearsed.py tests/lab/stepped.py --timeout 1800 $(PYTEST)

# as many runs as an agent of 25 checks does in a day, and a million bad requests
soak: setup
	SOAK_CHECKS=2000000 SOAK_REQUESTS=1000000 $(BIN)/python -m pytest --timeout 7200 tests/agent/test_soak.py tests/agent/test_soak_doors.py

check: setup
	$(BIN)/python -B packaging/generate.py --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -ISX no_debug_ranges keepalived_scripts/bundle.py
	$(BIN)/python -m bench $(BENCH)

# Packages are reproducible: their one time is that of the last change
VERSION := $(shell sed -n 's/^VERSION = "\(.*\)"/\1/p' vipwarden/__init__.py)
ARCH := $(shell uname -m)
WHEELS := build/wheels
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)

dist: setup
	$(BIN)/python packaging/dist.py dist

# the one step that needs the network: wheels by their hashes
wheels: $(WHEELS)/.ready
$(WHEELS)/.ready: packaging/rpm/requirements.txt | $(LAUNCHERS)
	rm -rf $(WHEELS)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
	  --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none --platform manylinux2014_$(ARCH) \
	  --requirement packaging/rpm/requirements.txt --dest $(WHEELS)
	touch $@

rpm: dist wheels
	packaging/rpm/build.sh $(CURDIR)/$(BIN)/python $(VERSION)

deb: dist wheels
	packaging/deb/build.sh $(CURDIR)/$(BIN)/python $(VERSION)

# packages built, installed, upgraded, erased, and run under systemd and keepalived: minutes, and the network for roots
test-packages: setup
	@$(BIN)/python tests/programs.py packages
	$(BIN)/python -m pytest tests/packaging --override-ini addopts="-ra --strict-markers --strict-config --import-mode=importlib" --timeout 600 $(PYTEST)

setup: $(LAUNCHERS)

$(SETUP): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vipwarden needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# they replace pip's commands, which start slowly: see packaging/launchers.py
$(LAUNCHERS): $(SETUP) packaging/launchers.py $(wildcard checks/*.py)
	$(BIN)/python packaging/launchers.py --python $(CURDIR)/$(BIN)/python --code . --libraries "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" $(BIN)
	$(BIN)/python -ISX no_debug_ranges keepalived_scripts/bundle.py
	touch $@

clean:
	rm -rf $(VENV) __pycache__ build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.PHONY: test-releases
# the tests on Debian 12 and 13, and the HAProxy of 11 and sid, in roots kept in ~/.cache; RELEASES=13 is that one alone
test-releases: setup
	@$(BIN)/python tests/programs.py releases
	@PYTEST="$(PYTEST)" $(BIN)/python -m tests.releases $(RELEASES)

.PHONY: chaos
# agents killed, and their watchdogs killed, stopped and slow, by the thousand: is anything left healthy?
chaos: setup
	$(BIN)/python -m tests.agent.chaos $(or $(CHAOS),10000)
