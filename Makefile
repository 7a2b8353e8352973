# One entry for people and for .ci/run. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test check audit bench proof screens wheelhouse pins clean

# The first Python that is new enough; say `make setup PYTHON=/path/to/python` to choose another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PACKAGES := fallback_server sync clients config migrations
PINS := config/requirements/runtime.txt config/requirements/dev.txt
WHEELHOUSE := dist/wheelhouse
# The checker of barriers (WCAG) that browser tests run inside the pages; never part of the product.
AXE := $(VENV)/node_modules/axe-core/axe.min.js
AXE_VERSION := 4.14.1
JOBS ?= 2
PYTEST_ARGS ?=
DEMO_ARGS ?=
AUDIT_ARGS ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## the environment in .venv and the command .venv/bin/yj

# The stamp is written last, so an interrupted installation is simply done again.
$(STAMP): $(PINS) pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "setup: no Python 3.11 or newer with venv was found; install python3.11 and python3.11-venv, or say PYTHON=..." >&2; exit 2; fi
	@rm -f $@
	@[ -x $(BIN)/python ] || "$(PYTHON)" -m venv $(VENV)
	@echo "setup: installing the pinned packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r config/requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@
	@echo "setup: done, the command is $(BIN)/yj"

$(AXE): | $(STAMP)
	@if command -v npm >/dev/null; then \
		npm install --silent --no-save --ignore-scripts --no-audit --no-fund --prefix $(VENV) axe-core@$(AXE_VERSION); \
	else echo "setup: there is no npm here, so the pages are not checked with axe-core"; fi

demo: $(STAMP) ## the whole loop against a real centre, from nothing to balanced accounts
	@$(BIN)/yj demo $(DEMO_ARGS)

test: check $(AXE) ## all of check, then every test; says which could not run and why
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadscope $(PYTEST_ARGS)

check: $(STAMP) ## format, lint, types, layers, bandit
	@status=0; \
	$(BIN)/ruff format --check --output-format concise --quiet . || { echo "check: run '$(BIN)/ruff format .'"; status=1; }; \
	$(BIN)/ruff check --output-format concise --quiet . || status=1; \
	$(BIN)/mypy || status=1; \
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGES) || status=1; \
	if $(BIN)/lint-imports --no-cache > $(VENV)/layers.txt 2>&1; then tail -n 1 $(VENV)/layers.txt; \
	else sed -n '/^Contracts$$/,$$p;/^Could not\|does not exist/p' $(VENV)/layers.txt; status=1; fi; \
	exit $$status

audit: ## known weaknesses in the pinned packages (needs pip-audit and a source of advisories: AUDIT_ARGS='--osv-url …')
	@pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r config/requirements/dev.txt $(AUDIT_ARGS) || { \
		echo "audit: not clean, or not every package could be asked about: a source that cannot be reached is no good news" >&2; \
		exit 1; }

bench: $(STAMP) ## the figures there are, as a table and as JSON
	@$(BIN)/python -m bench.run

# tests/proof is named first: its conftest writes the page, and the process that starts the workers must have read it.
proof: $(STAMP) ## the long fault runs; docs/proof/report.html says what was injected and what came out
	@HYPOTHESIS_PROFILE=proof PROOF_REPORT=docs/proof/report.html $(BIN)/python -m pytest -n $(JOBS) --dist worksteal \
		-m proof --timeout 3600 tests/proof tests $(PYTEST_ARGS)

screens: $(STAMP) ## the pictures of the manuals in docs/screens, taken anew (needs Chromium)
	@$(BIN)/python -m pytest -m screens -p no:randomly -q tests/pages/test_screens.py

wheelhouse: $(STAMP) ## the product and everything it needs in dist/wheelhouse, for a machine without a network
	@rm -rf $(WHEELHOUSE) build && mkdir -p $(WHEELHOUSE)
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir $(WHEELHOUSE) .
	@rm -rf build
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
		-r config/requirements/runtime.txt --dest $(WHEELHOUSE)
	@echo "wheelhouse: $$(ls $(WHEELHOUSE) | wc -l) wheels; on the other machine:"
	@echo "  pip install --no-index --find-links $(WHEELHOUSE) 'his-yj[reference,excel,pdf]'"

pins: ## work out the pinned files again after a change of pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra reference --extra excel --extra pdf --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --quiet --output-file config/requirements/runtime.txt
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--constraint config/requirements/runtime.txt \
		--no-header --no-annotate --no-emit-index-url --quiet --output-file config/requirements/dev.txt

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
