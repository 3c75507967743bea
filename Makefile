# `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help install reinstall processes train bench test test-full lint format docs clean

NP      ?= 2
CONFIG  ?= configs/letters.py
WORKDIR ?= runs/$(basename $(notdir $(CONFIG)))
ARGS    ?=

# As if .venv were activated: horovodrun looks its workers' commands up here.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# horovodrun imports TensorFlow to see what Horovod was built with; what TensorFlow says of itself there is no news.
export TF_CPP_MIN_LOG_LEVEL ?= 2

help: ## this list
	@echo 'usage: make TARGET [NAME=VALUE ...]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  NP=2  CONFIG=configs/letters.py  WORKDIR=runs/NAME     for train: processes, experiment, where it writes'
	@echo '  ARGS="--config.model.depth=8"                          for train and bench: more flags; for test: for pytest'
	@echo '  PYTHON=/path/to/python3.12  DEVICE=cpu|gpu             for install: if its own choice is not yours'

install: ## set up .venv: pinned packages, and Horovod built against them; at once when it is there
	@scripts/install.sh

reinstall: ## set up .venv again from nothing, after MPI, CUDA or Python changed
	@FORCE=1 scripts/install.sh

train: processes install ## train a flow of letters, or another CONFIG, NP processes under Horovod
	horovodrun --gloo -np $(NP) python train.py --config=$(CONFIG) --workdir=$(WORKDIR) $(ARGS)

processes:
	@expr '$(NP)' : '[1-9][0-9]*$$' > /dev/null || \
	    { echo 'error: NP=$(NP): must be a whole number of at least 1' >&2; exit 2; }

bench: install ## measure speed and start-up against the convolutions alone; ARGS=--peers for other programs too
	python scripts/benchmark.py $(ARGS)

test: lint ## lint, then the tests, two at a time
	python -m pytest -n 2 --dist worksteal $(ARGS)

test-full: lint ## the tests with all kills, hosts and configs: an hour or so
	FULL=1 python -m pytest -n 2 --dist worksteal $(ARGS)

lint: install ## what ruff and mypy say of code and types; whether pages are as generated, in short sentences
	ruff check .
	ruff format --check .
	mypy
	python tools/generate.py --check
	python tools/sentences.py --quiet

format: install ## have ruff mend what it can
	ruff check --fix .
	ruff format .

docs: install ## build the documentation's site into site/; a warning is an error
	pip install --quiet --disable-pip-version-check --no-deps -r requirements-docs.txt
	python tools/settings.py
	python tools/generate.py
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet

clean: ## remove caches and build leftovers; .venv and runs/ stay
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist site *.egg-info
	find . \( -path ./.venv -o -path ./runs -o -path ./.git \) -prune -o -name __pycache__ -exec rm -rf {} +
