# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
# `make test` and `make demo` first install what is missing.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
# more options of tools/install.py, such as --cuda --cuda-arch 9.0
INSTALL_ARGS ?=
# more options of tools/gpu_kit.py, such as --list
KIT_ARGS ?=
# an image of yours for `make demo`
IMAGE ?=
# options of tools/misc/build_web.py, such as --out site
WEB_ARGS ?=
BIN := $(VENV)/bin
# Containers often set this variable; every process would then byte-compile all
# its imports again, PyTorch included, as the set-up leaves that to the first
# import.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help setup test gpu-paper gpu-kit demo train-demo zoo web docs \
	docs-serve doctor lint clean

help:
	@echo 'make setup   install everything into $(VENV) (PYTHON=, VENV=)'
	@echo 'make demo    see every system work, in minutes (IMAGE=yours.jpg)'
	@echo 'make train-demo  train every system on synthetic data, an hour'
	@echo 'make test    run lint and the whole test suite'
	@echo 'make gpu-paper   every config on a GPU on paper, see docs/gpu.md'
	@echo 'make gpu-kit     check everything on a GPU, and write one report'
	@echo 'make zoo     train the published models again from nothing'
	@echo 'make web     build the try-on page for a static host (Node.js)'
	@echo 'make docs    build the site of the documentation into site/'
	@echo 'make docs-serve  show it at http://127.0.0.1:8000 while it is edited'
	@echo 'make doctor  show what is installed and how to fix problems'
	@echo 'make lint    run ruff check and ruff format --check'
	@echo 'make clean   remove the output of builds and tests'

setup:
	@command -v $(PYTHON) >/dev/null || { echo 'error: $(PYTHON) not found;' \
		'choose a Python 3.10 or later: make setup PYTHON=...' >&2; exit 2; }
	@$(PYTHON) tools/install.py --venv '$(VENV)' --dev $(INSTALL_ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One thread per worker: with more threads than cores the workers slow each
# other down.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

# Every config, minutes of CPU time; `make test` has one of each system.
gpu-paper: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest \
		tests/test_gpu_on_paper/every_config.py

# It installs by itself, so that the report has the time of it.
gpu-kit:
	@$(PYTHON) tools/gpu_kit.py --venv '$(VENV)' $(KIT_ARGS)

demo: setup
	@$(BIN)/python demo/run_demo.py $(if $(IMAGE),--image '$(IMAGE)')

train-demo: setup
	$(BIN)/python demo/train_demo.py

# Hours; what has ended well is not repeated. ZOO_ARGS=--list shows how long.
zoo: setup
	$(BIN)/python tools/misc/zoo.py $(ZOO_ARGS)

# Into web/dist; docs/web.md
web: setup
	$(BIN)/python tools/misc/build_web.py $(WEB_ARGS)

# A warning is an error.
docs: setup
	$(BIN)/python tools/misc/docs_site.py

docs-serve: setup
	$(BIN)/python tools/misc/docs_site.py --serve

# It also runs before the set-up, and then lists what is missing.
doctor:
	@$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) tools/doctor.py

clean:
	rm -rf build dist site web/dist *.egg-info .pytest_cache .ruff_cache
	rm -rf .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
