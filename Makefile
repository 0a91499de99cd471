# One verb a job. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## List what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# Debian packages Python's venv apart; where that part is missing it is installed, if we may.
$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || deploy/native/apt-install python3-venv
	$(PYTHON) -m venv $(VENV)

# One stamp a set of extras: the demo needs less than the tests.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.demo

.PHONY: setup
setup: $(VENV)/.dev ## Install everything that development needs into .venv

.PHONY: clean
clean: ## Remove what was built and installed here
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
