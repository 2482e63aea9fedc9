# Everything a person or a CI does with this project. `make` alone says what there is.
PYTHON ?= python3
BIN := .venv/bin
SEEDS ?= 1-1000
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help run test test-postgres test-office lint format types check bench simulate faults lock clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/installed ## Install, migrate, make the first ADMIN, and serve on 127.0.0.1:8000
	@exec $(BIN)/clientes-service run

test: .venv/installed-dev ## Run the whole suite
	$(BIN)/python -m pytest

test-postgres: .venv/installed-dev ## Run on PostgreSQL all that a database has a part in: needs apt install postgresql
	$(BIN)/python -m pytest --engine postgresql

test-office: .venv/installed-dev ## Run what tries the office page in Chromium: needs apt install chromium
	$(BIN)/python -m pytest -m browser tests/office

lint: .venv/installed-dev ## Look for mistakes and untidiness
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/installed-dev ## Tidy up
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/installed-dev ## Check the types
	$(BIN)/mypy

bench: .venv/installed ## Measure the service alone: what each kind of request costs, import, start, memory
	$(BIN)/python bench/run.py

simulate: .venv/installed-dev ## Let phones run through 1,000 histories of faults (SEEDS=1-1000, CONTROL=key)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(if $(CONTROL),--control $(CONTROL))

check: lint types test ## What must pass before a change lands; CI runs test-postgres too

faults: .venv/installed-dev ## Break the service in every way, and print what was lost (ONLY=kill-all,soak FEW=1 CONTROL=1)
	$(BIN)/python -m tests.faults $(if $(ONLY),--only $(ONLY)) $(if $(FEW),--few) $(if $(CONTROL),--control)

lock: .venv/installed-dev ## Pin anew all that requirements*.txt hold
	$(BIN)/uv pip compile --quiet --upgrade --no-header --extra postgres pyproject.toml --output-file requirements.txt
	echo "-e ." >> requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --no-header --extra postgres --extra dev pyproject.toml --output-file requirements-dev.txt
	echo "-e ." >> requirements-dev.txt

clean: ## Remove the environment and what tools left; the instance folder stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info

.venv/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install Python 3.11 or newer."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is too old: Python 3.11 or newer is needed (make PYTHON=/path/to/python)."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "Python's venv is missing: on Debian and Ubuntu, apt install python3-venv."; exit 1; }
	@echo "Making the environment in .venv"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: .venv/python requirements.txt pyproject.toml
	@echo "Installing what the service needs"
	@$(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/python requirements-dev.txt pyproject.toml
	@echo "Installing what the tests need"
	@$(PIP) -r requirements-dev.txt
	@touch $@ .venv/installed
