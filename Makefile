# One verb a job. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INTEGRATIONS := .venv-integrations
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

# Debian packages Python's venv separately; install it if it is missing.
$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || exporter/traingauge/stack/apt-install python3-venv
	$(PYTHON) -m venv $(VENV)

# One stamp for each set of extras: the demo needs less than the tests.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "Installing traingauge, TensorFlow and what else the demo needs into $(VENV), once: this may take minutes."
	$(BIN)/pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.demo

.PHONY: setup
setup: $(VENV)/.dev ## Install all development dependencies into .venv

.PHONY: servers
servers: $(VENV)/.demo ## Find Prometheus and Alertmanager, or install them (Debian, Ubuntu)
	@$(BIN)/python -m traingauge.stack.programs

.PHONY: demo
demo: servers ## Train a network, inject three faults, and watch the alerts arrive (KEEP=1 leaves the servers running)
	$(BIN)/python -m demo $(if $(KEEP),--keep)

.PHONY: demo-diagnostics
demo-diagnostics: $(VENV)/.demo ## See what no threshold finds: deviation from good runs, a canary, the probability of failing
	$(BIN)/python -m demo.diagnostics

.PHONY: stack
stack: servers ## Run Prometheus and Alertmanager for your own training scripts, until Ctrl-C
	$(BIN)/python -m traingauge up

# Many tests wait for servers and processes: one worker more than there are cores.
WORKERS := $(shell expr $$(nproc) + 1)

.PHONY: test
test: setup servers ## Install everything and run the tests
	$(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder

.PHONY: check-newer
check-newer: setup ## Fetch the newest Prometheus and Alertmanager of Debian, and test rules, ends of runs and a whole journey on them
	$(BIN)/python -m tests.newer

# Frameworks have an environment of their own: together with TensorFlow it would be twice as large.
$(INTEGRATIONS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(INTEGRATIONS)
	$(INTEGRATIONS)/bin/pip install --quiet --editable '.[integrations]'
	@touch $@

.PHONY: test-integrations
test-integrations: $(INTEGRATIONS)/.installed ## Install PyTorch and what builds on it, and run the tests that need it
	$(INTEGRATIONS)/bin/python -m pytest tests/integrations/torch exporter/traingauge/integrations/torch
	$(INTEGRATIONS)/bin/python -m pytest tests/integrations/accelerate exporter/traingauge/integrations/accelerate
	$(INTEGRATIONS)/bin/python -m pytest tests/integrations/lightning exporter/traingauge/integrations/lightning
	$(INTEGRATIONS)/bin/python -m pytest tests/integrations/transformers exporter/traingauge/integrations/transformers
	for backend in torch jax; do KERAS_BACKEND=$$backend $(INTEGRATIONS)/bin/python -m pytest \
		tests/integrations/keras/backends exporter/traingauge/integrations/keras/backends || exit 1; done
	$(INTEGRATIONS)/bin/python -m pytest tests/test_docs.py -k "pytorch or accelerate or lightning or transformers"

# Its callback reads what a Trainer does from inside, which changes from version to version.
.PHONY: check-transformers
check-transformers: ## Test the Trainer's callback on another version of Transformers (VERSION=4.46.3, the oldest)
	$(PYTHON) -m venv --clear build/transformers
	build/transformers/bin/pip install --quiet torch==2.13.0 'transformers==$(or $(VERSION),4.46.3)'
	build/transformers/bin/pip install --quiet --editable '.[transformers]' hypothesis pytest scikit-learn
	build/transformers/bin/python -m pytest tests/integrations/transformers

.PHONY: fuzz
fuzz: setup ## Call everything public with hostile values for ten minutes (SECONDS=60 for one; SEED=7 repeats a round)
	$(BIN)/python -m tests.fuzz $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

.PHONY: kills
kills: setup ## Kill a resuming training 200 times, and check that its state loses and doubles nothing
	$(BIN)/python -m tests.state.kills

.PHONY: lint
lint: setup ## Check style and the layering of the package
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

.PHONY: typecheck
typecheck: setup ## Check types (strict)
	$(BIN)/mypy

.PHONY: format
format: setup ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: bench
bench: setup ## Measure the cost of monitoring, as ratios within one run (QUICK=1 takes under two minutes)
	$(BIN)/pip install --quiet --editable '.[bench]'
	$(if $(QUICK),,$(BIN)/python -m benchmarks.peers)
	$(BIN)/python -m benchmarks.cost $(if $(QUICK),--quick)

.PHONY: bench-trackers
bench-trackers: ## Compare what trackers record of the same training (installs them next to the frameworks)
	$(PYTHON) -m venv $(INTEGRATIONS)
	$(INTEGRATIONS)/bin/pip install --quiet --editable '.[trackers]'
	$(INTEGRATIONS)/bin/python -m benchmarks.trackers

.PHONY: bench-drift
bench-drift: setup ## Measure false alarms and power of drift, compared with scipy (an hour on two cores; QUICK=1 takes under a minute)
	$(BIN)/python -m benchmarks.drift.power $(if $(QUICK),--quick)

.PHONY: agreement
agreement: setup ## Compare drift and detectors with evidently, alibi-detect and river on the same data
	$(BIN)/pip install --quiet --editable '.[bench]'
	$(BIN)/python -m benchmarks.peers
	$(BIN)/pytest benchmarks/drift/test_agreement.py

.PHONY: bench-alerts
bench-alerts: setup servers ## Replay real runs with injected faults through the shipped alert rules
	$(BIN)/python -m benchmarks.alerts

.PHONY: bench-life
bench-life: setup servers ## Replay ordinary life, in which nobody has to do anything, and deaths through the shipped alert rules
	$(BIN)/python -m benchmarks.life

.PHONY: rules
rules: setup ## Render the alert rules, and what lists them
	$(BIN)/python -m alerting

.PHONY: dashboards
dashboards: setup ## Render the dashboards to JSON
	$(BIN)/python -m dashboards

.PHONY: pictures
pictures: setup servers ## Draw the diagnostics from real runs
	$(BIN)/python -m docs.generators.diagnostics

.PHONY: docs
docs: setup ## Write the generated pages of the documentation
	$(BIN)/python -m docs

.PHONY: docs-site
docs-site: setup ## Build the documentation as a site in build/site, and check its links
	$(BIN)/python -m docs.site

.PHONY: generated
generated: setup ## Check that what is generated is up to date
	$(BIN)/python -m alerting --check
	$(BIN)/python -m dashboards --check
	$(BIN)/python -m docs --check

.PHONY: prose
prose: setup ## Check spelling, and phrases that read translated
	$(BIN)/codespell
	$(BIN)/python -m docs.prose

.PHONY: check
check: lint typecheck generated prose docs-site ## All checks but the tests

.PHONY: dist
dist: setup ## Do everything of a release but the upload: build it, check its page, try it in a fresh environment
	$(BIN)/pip install --quiet --editable '.[release]'
	$(BIN)/python -m docs.release

.PHONY: clean
clean: ## Remove everything that was built and installed here
	rm -rf $(VENV) $(INTEGRATIONS) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
