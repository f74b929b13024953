# `make book` and `make test` need nothing but Python 3.11 or later: each makes .venv and installs the pins first.
#
#   PYTHON       the interpreter that .venv is made from          make test PYTHON=python3.12
#   TORCH_INDEX  a package index of CPU-only torch builds         make test TORCH_INDEX=https://download.pytorch.org/whl/cpu
#   JOBS         processes of the tests and of the book           make test JOBS=4
#   ARGS         more arguments for pytest or the benchmark       make test ARGS="-k store"
#   VENV         where the environment lives                      make book VENV=~/envs/pruneproxy

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
TORCH_INDEX ?=
ARGS ?=

RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
PIP := $(RUN) -m pip install --disable-pip-version-check
EXTRAS := book,dev,dask,prune,fast,postgres
# One thread per process: results are bit-identical only at the same thread count, and processes use the cores better.
export OMP_NUM_THREADS ?= 1

.PHONY: help book test test-newest audit torture bench lint format clean
.DEFAULT_GOAL := help

help:
	@echo "make book    run every notebook on the committed records and build _build/html"
	@echo "make test    run the test suite"
	@echo "make test-newest   the same on the newest release of everything"
	@echo "make audit   look for known weaknesses of what is pinned"
	@echo "make torture kill, damage, cut off, crowd and deceive it, and count what that did"
	@echo "make bench   measure training throughput (ARGS=--save keeps the table)"
	@echo "make lint    check style"
	@echo "make clean   remove _build and caches (keeps $(VENV))"

# Every file is held against its sha256; a package index of one's own has other files, so there only versions are held.
ifeq ($(TORCH_INDEX),)
INSTALL = $(PIP) --require-hashes --requirement requirements.lock && $(PIP) --no-deps --editable .
else
INSTALL = $(PIP) --constraint constraints.txt --extra-index-url $(TORCH_INDEX) --editable ".[$(EXTRAS)]"
endif

$(STAMP): pyproject.toml constraints.txt requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed, found %d.%d: use make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL)
	@touch $@

book: $(STAMP)
	$(RUN) -m pruneproxy.book --workers $(JOBS)

test: $(STAMP)
	$(RUN) -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder $(ARGS)

# The newest releases that pyproject.toml allows, in an environment of their own that is made anew.
test-newest:
	$(PYTHON) -m venv --clear $(VENV)-newest
	$(VENV)-newest/bin/python -m pip install --disable-pip-version-check --upgrade --editable ".[$(EXTRAS)]"
	$(VENV)-newest/bin/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder $(ARGS)

# Known weaknesses of what is pinned; needs the network.
audit: $(STAMP)
	$(PIP) --quiet pip-audit
	$(RUN) -m pip_audit --requirement requirements.lock --disable-pip

torture: $(STAMP)
	cd tests && $(abspath $(RUN)) -m torture $(ARGS)

bench: $(STAMP)
	env -u OMP_NUM_THREADS $(RUN) -m pruneproxy.bench $(ARGS)

lint: $(STAMP)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: $(STAMP)
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean:
	rm -rf _build build .pytest_cache .ruff_cache *.egg-info
	find pruneproxy tests notebooks -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
