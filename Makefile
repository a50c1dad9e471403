# Two commands set everything up: `make run` and `make test`. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config.yaml
# Bytecode is kept, whatever the shell says: without it each gateway that tests start compiles 500 files (0.7 s more).
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test check lint format types bench clean

help:  ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.12, say" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "python's venv module is needed (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(VENV)/.run: pyproject.toml | $(BIN)/python
	@echo "installing the gateway into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cel,demo,guards,otlp]'
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.run
	@echo "installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group test
	@touch $@

run: $(VENV)/.run  ## start the gateway with a real small model on http://127.0.0.1:8080; PORT=8081 chooses another port
	@$(BIN)/gateway models fetch --config $(CONFIG)
	@exec $(BIN)/gateway serve --config $(CONFIG) $(if $(PORT),--port $(PORT))

test: $(VENV)/.test  ## everything CI checks: lint, types, architecture, tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/pyright --warnings
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile

format: $(VENV)/.test  ## put the code in its one form
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

bench: $(VENV)/.test  ## measure speed beside a bare proxy and nginx; BENCH_JSON=file keeps the figures
	@$(BIN)/python -m tests.speed.decisions
	@$(BIN)/python -m tests.speed.fairness
	@$(BIN)/python -m tests.speed.guards
	@$(BIN)/python -m tests.speed.ledger
	@$(BIN)/python -m tests.speed.reports
	@$(BIN)/python -m tests.speed.pricing
	@$(BIN)/python -m tests.speed.prompts
	@$(BIN)/python -m tests.speed.prompt_library
	@$(BIN)/python -m tests.speed.limits
	@$(BIN)/python -m tests.speed.caching
	@$(BIN)/python -m tests.speed

clean:  ## remove what was installed; keys, ledger and weights in .gateway stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
