# `make demo`, `make gui`, `make test` and `make bench` set up .venv themselves; they need Python 3.11, git and nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
JOBS ?= 2

.PHONY: demo test lint check test-slow bench docs web gui clean

demo: .venv/demo
	$(BIN)/esegeta demo

test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) -m "not slow"

test-slow: .venv/dev
	$(BIN)/pytest -m slow

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.generate --check

check: test

docs: .venv/dev
	$(BIN)/python -m docs.generate

# The front end of the web interface, built into the package, where git ignores it.
STATIC := src/torchesegeta/web/static
FRONT := $(shell git ls-files web)

web: $(STATIC)/index.html

gui: $(STATIC)/index.html .venv/gui
	$(BIN)/esegeta serve

$(STATIC)/index.html: $(FRONT) | .venv/torch
	$(BIN)/python web/build.py check test build

bench: .venv/dev
	$(BIN)/python -m benchmarks

.venv/torch: constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	touch $@

.venv/demo: .venv/torch pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[demo]"
	touch $@

.venv/gui: .venv/torch pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[demo,web]"
	touch $@

.venv/dev: .venv/torch pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[demo,web,bench,cluster,dev]"
	touch $@

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache web/node_modules $(STATIC)
