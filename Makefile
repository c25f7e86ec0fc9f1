# Two commands matter: `make up` (everything, running) and `make test`. `make help` lists the rest.
PYTHON ?= python3
PY := .venv/bin/python

.PHONY: help up demo test test-all systems setup setup-dev lint lock screens bench fuzz clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

up: setup ## a fresh clone to a running workbench; Ctrl-C stops everything
	@exec $(PY) -m workbench.launch.up

demo: setup ## one complete sample distillation without a person; JSON=file writes the report
	@exec $(PY) -m workbench.launch.demo $(if $(JSON),--json $(JSON))

# Two workers (pytest-xdist); who runs what is in tests/parallel.py. ARGS="-n 0" is one process.
test: setup-dev ## the suite (real PostgreSQL, Celery, Chromium, small models)
	@$(PY) -m pytest -n 2 -m "not slow" $(ARGS)

test-all: setup-dev ## the suite with faults, Redis and soak
	@$(PY) -m pytest -n 2 $(ARGS)

systems: setup-dev ## the published systems one by one, with how their acceptance tests went
	@$(PY) -m tests.systems_table $(if $(JUNIT),--junit $(JUNIT))

setup:
	@$(PYTHON) workbench/launch/bootstrap.py

setup-dev:
	@$(PYTHON) workbench/launch/bootstrap.py --dev --browser

lint: setup-dev ## ruff and mypy
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

lock: setup-dev ## renew requirements/*.txt from requirements/*.in
	@$(PY) -m workbench.launch.lock

fuzz: setup-dev ## every reader of datasets, a minute each (SECONDS=60)
	@for reader in csv jsonl json text gzip parquet zip xlsx; do $(PY) -m tests.fuzz.$$reader -max_total_time=$(or $(SECONDS),60) || exit 1; done

screens: setup-dev ## screenshots of every page under docs/screens
	@KEEP_SCREENS=1 $(PY) -m pytest tests/browser/test_screens.py $(ARGS)

clean: ## remove the environment and everything the workbench has stored (asks first)
	@printf 'Remove .venv, node_modules and var (all runs, datasets, adapters)? [y/N] ' && read a && [ "$$a" = y ] && rm -rf .venv node_modules var static/vendor
