# Everything a person or a CI machine runs. `make` alone lists it.
# Needs Python >= 3.11 with venv and pip; choose another one with `make run PYTHON=python3.12`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FUZZ_VENV := $(VENV)/fuzz
AUDIT_VENV := $(VENV)/audit
SHIPPED_VENV := $(VENV)/shipped
ARGS ?=

# An environment is right when its stamp exists. The stamp's name holds a checksum of what was installed and where, so an
# edit of the requirements makes a new one due, as does moving the clone; a second `make run` costs one checksum.
checksum = $(shell { pwd; cat pyproject.toml $(1); } 2>/dev/null | cksum | cut -d ' ' -f 1)
RUNTIME_STAMP := $(VENV)/.runtime-$(call checksum,requirements/runtime.txt)
DEV_STAMP := $(VENV)/.dev-$(call checksum,requirements/runtime.txt requirements/dev.txt)
AUDIT_STAMP := $(AUDIT_VENV)/.audit-$(call checksum,requirements/audit.txt)
FUZZ_STAMP := $(FUZZ_VENV)/.fuzz-$(call checksum,requirements/fuzz.txt)

PIP_INSTALL = -m pip install -qq --disable-pip-version-check --no-input
PIP_COMPILE = $(BIN)/python -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-options --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

# $(call make_venv,directory): an environment that was moved, half made, or whose Python is gone is made again.
define make_venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "hos-receiver needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." \
			"Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' comes without venv or pip. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@{ test "$$(cat $(1)/.home 2>/dev/null)" = "$(CURDIR)" && $(1)/bin/python -m pip --version >/dev/null 2>&1; } || { \
		echo "making $(1) with $$($(PYTHON) --version)"; \
		$(PYTHON) -m venv --clear $(1) && echo "$(CURDIR)" >$(1)/.home; }
endef

define install_project
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-index --no-build-isolation --editable .
endef

.PHONY: help run test check bench torture fuzz audit sbom screenshots lock upgrade clean venv
.DEFAULT_GOAL := help

help:
	@echo "make run      serve on http://127.0.0.1:8000 with an SQLite file under data/"
	@echo "make test     all tests, on SQLite and PostgreSQL     (ARGS='--db sqlite -k cursor' for some)"
	@echo "make check    style, types, the arrows between rooms, house rules, migrations equal to models"
	@echo "make bench    the benchmarks with their ratios        (docs/performance.md)"
	@echo "make torture  tries to break what is promised         (ROUNDS=1000 or ROUNDS=full, SEED=…, ARGS='power-cut')"
	@echo "make fuzz     requests made up from the OpenAPI document, against a server of its own"
	@echo "make sbom     what is installed to run it: docs/sbom.cdx.json and docs/licenses.md"
	@echo "make screenshots  the pictures in docs/images/ anew, by Chromium"
	@echo "make lock     pin what pyproject.toml asks for        (make upgrade: the newest of everything)"
	@echo "make clean    remove the environments and caches; data/ stays"

run: $(RUNTIME_STAMP)
	@exec $(BIN)/hos-receiver serve

test: $(DEV_STAMP)
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(DEV_STAMP)
	@$(BIN)/ruff check --quiet . && echo "ruff: clean"
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff --quiet .; exit 1; }
	@$(BIN)/mypy $(wildcard app tests bench deploy/*.py deploy/*/*.py)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q tests/test_house.py
	@$(MAKE) --no-print-directory audit PYTHON=$(PYTHON)

audit: $(AUDIT_STAMP)
	@$(BIN)/python .ci/audit $(AUDIT_VENV)/bin/pip-audit requirements/runtime.txt requirements/dev.txt

# The bill of materials is made of an environment that holds nothing but what runs.
sbom: $(DEV_STAMP) $(AUDIT_STAMP)
	@$(PYTHON) -m venv --clear --without-pip $(SHIPPED_VENV)
	@$(BIN)/python -m pip --python $(SHIPPED_VENV)/bin/python install -qq --disable-pip-version-check --no-input --no-deps \
		--require-hashes -r requirements/runtime.txt
	@$(AUDIT_VENV)/bin/cyclonedx-py environment --output-reproducible --short-PURLs --pyproject pyproject.toml \
		-o docs/sbom.cdx.json $(SHIPPED_VENV)/bin/python
	@$(BIN)/python .ci/bill_of_materials docs/sbom.cdx.json docs/licenses.md
	@rm -rf $(SHIPPED_VENV)

bench: $(DEV_STAMP)
	@$(BIN)/python -m bench $(ARGS)

torture: $(DEV_STAMP)
	@$(BIN)/python -m tests.torture $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

fuzz: $(RUNTIME_STAMP) $(FUZZ_STAMP)
	@.ci/fuzz $(BIN) $(FUZZ_VENV)/bin $(ARGS)

screenshots: $(DEV_STAMP)
	@$(BIN)/python -m tests.dashboard.screenshots $(ARGS)

# Locked with the oldest Python that is supported, so that what only older ones need is in there too.
lock: $(DEV_STAMP)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "lock with Python 3.11" >&2; exit 1; }
	@$(PIP_COMPILE) $(UPGRADE) --build-deps-for editable -o requirements/runtime.txt pyproject.toml
	@$(PIP_COMPILE) $(UPGRADE) --build-deps-for editable --extra dev -c requirements/runtime.txt -o requirements/dev.txt pyproject.toml
	@$(PIP_COMPILE) $(UPGRADE) -o requirements/fuzz.txt requirements/fuzz.in
	@$(PIP_COMPILE) $(UPGRADE) -o requirements/audit.txt requirements/audit.in
	@git --no-pager diff --stat -- requirements

upgrade:
	@$(MAKE) --no-print-directory lock UPGRADE=--upgrade

venv: $(DEV_STAMP)

clean:
	rm -rf $(VENV) dist build htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis
	find app tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(RUNTIME_STAMP):
	$(call make_venv,$(VENV))
	@echo "installing the pinned dependencies"
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements/runtime.txt
	$(install_project)
	@touch $@

# What serves is a part of what tests, at the same versions: one installation makes both stamps.
$(DEV_STAMP):
	$(call make_venv,$(VENV))
	@echo "installing the pinned dependencies, for development too"
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	$(install_project)
	@touch $(RUNTIME_STAMP) $@

$(AUDIT_STAMP):
	$(call make_venv,$(AUDIT_VENV))
	@echo "installing pip-audit into an environment of its own"
	@$(AUDIT_VENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements/audit.txt
	@touch $@

$(FUZZ_STAMP): $(RUNTIME_STAMP)
	$(call make_venv,$(FUZZ_VENV))
	@echo "installing schemathesis into an environment of its own"
	@$(FUZZ_VENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements/fuzz.txt
	@touch $@
