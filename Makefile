# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
# `make test` and `make demo` set up by themselves what is missing.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
# more options of tools/install.py, such as --cuda --cuda-arch 9.0
INSTALL_ARGS ?=
BIN := $(VENV)/bin
# Containers often set it; every process would compile all it imports anew,
# PyTorch included, since the set-up leaves compiling to the first import.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help setup test demo doctor lint clean

help:
	@echo 'make setup   install everything into $(VENV) (PYTHON=, VENV=)'
	@echo 'make demo    train and test every system on synthetic data'
	@echo 'make test    lint and the whole test suite'
	@echo 'make doctor  what is installed, what is missing, how to mend it'
	@echo 'make lint    ruff check and ruff format --check'
	@echo 'make clean   remove what builds and tests left behind'

setup:
	@command -v $(PYTHON) >/dev/null || { echo 'error: $(PYTHON) not found;' \
		'name a Python 3.10 or later: make setup PYTHON=...' >&2; exit 2; }
	@$(PYTHON) tools/install.py --venv '$(VENV)' --dev $(INSTALL_ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# One thread each: more threads than cores make the workers slow each other.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

demo: setup
	$(BIN)/python demo/run_demo.py

# Before the set-up too: then it lists what is missing.
doctor:
	@$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) tools/doctor.py

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
