# Each target sets up what it needs: a virtual environment from the lock files, Debian packages where that is allowed.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BIN := .venv/bin
RUNTIME := .venv/.runtime
DEV := .venv/.dev
CLIENTS := .venv-clients/.done
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock'

.PHONY: help run test lint bench screenshots translations lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: $(RUNTIME)  ## Start the server with two sample applications on http://localhost:8000 (data in ./data)
	@exec $(BIN)/idp serve --demo

test: $(DEV) $(CLIENTS)  ## Run every test; ARGS="-k login" runs some
	@scripts/set_up.sh system
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(DEV)  ## Check style, types, dependencies between packages, templates and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates examples
	$(BIN)/codespell

bench: $(DEV)  ## Measure operations per second and where the time goes; ARGS="--help" shows the scenarios
	$(BIN)/python -m bench $(ARGS)

screenshots: $(DEV)  ## Make the pictures of the documentation from the real pages
	@scripts/set_up.sh system
	$(BIN)/python scripts/screenshots.py $(ARGS)

translations: $(DEV)  ## Bring the catalogs in translations/ up to the code and compile them; fails while one lacks a sentence
	$(BIN)/python scripts/translations.py $(ARGS)

lock: $(DEV)  ## Resolve each requirements*.in anew into the lock files; ARGS="--upgrade" takes newer versions
	$(COMPILE) $(ARGS) requirements.in -o requirements.txt
	$(COMPILE) $(ARGS) requirements-dev.in -o requirements-dev.txt
	$(COMPILE) $(ARGS) tests/clients/requirements.in -o tests/clients/requirements.txt
	$(COMPILE) $(ARGS) tests/clients/requirements-pgadmin.in -o tests/clients/requirements-pgadmin.txt

clean:  ## Remove what was built; ./data stays
	rm -rf .venv .venv-clients tests/clients/node_modules build dist *.egg-info .coverage .coverage.* .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock files change with what is installed; setup.cfg with the command and the folders of the package.
$(RUNTIME): requirements.txt setup.cfg pyproject.toml
	@scripts/set_up.sh runtime

$(DEV): requirements-dev.txt setup.cfg pyproject.toml
	@scripts/set_up.sh dev

# The applications that sign people in through Doorward in tests/clients; they need other versions than .venv has.
$(CLIENTS): $(wildcard tests/clients/requirements*.txt tests/clients/package-lock.json) | $(DEV)
	@scripts/set_up.sh clients
