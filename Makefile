# make demo   a simulated facility on this machine: the only thing needed is Python 3.11 or newer
# make test   everything that is checked before a change lands
#
# Variables: PORT, DIR, RESET=1 and ARGS for demo; CONFIG and ARGS for serve and check; VENV for the
# environment (default .venv); PYTHON for the interpreter it is made with; TESTS for pytest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV ?= .venv
PYTHON ?=
PORT ?=
DIR ?=
RESET ?=
CONFIG ?=
ARGS ?=
TESTS ?=
BIN := $(VENV)/bin
MODELS := $(VENV)/models
NODE := $(VENV)/node
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# What draws models: without it everything else works.
MODEL = $(PIP) install --editable '.[model]' || echo "Mol* could not be installed: models are listed and not drawn."
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1

.PHONY: help demo serve check test lint types tests setup packages others system bench docs format

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -5
	@echo "Also: serve, check, lint, types, tests, bench, docs (compares the tables in docs/ with the code), format, setup"

# --- environments. A stamp is newer than pyproject.toml once pip has finished, so a second start
# --- installs nothing and an interrupted one starts again.

$(VENV)/.made:
	@found=; for candidate in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then found=$$candidate; break; fi; done; \
	if [ -z "$$found" ]; then \
	  echo "Python 3.11 or newer with venv was not found (on Debian and Ubuntu: apt install python3-venv)." >&2; \
	  echo "Name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; fi; \
	if [ ! -x $(BIN)/python ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  echo "Making the environment $(VENV) …"; "$$found" -m venv --clear $(VENV); fi
	@touch $@

$(VENV)/.run: pyproject.toml $(VENV)/.made
	@echo "Installing ISPyB Lens into $(VENV) (once; takes a minute or two) …"
	@$(PIP) install --editable '.[fast,mx,export]'
	@$(MODEL)
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.made
	@echo "Installing ISPyB Lens and what its tests need into $(VENV) …"
	@$(PIP) install --editable '.[fast,mx,export,test,dev]'
	@$(MODEL)
	@touch $@ $(VENV)/.run

# Both packages of models are called ispyb once imported, so neither may be in the environment.
$(MODELS)/.diamond: $(VENV)/.made
	@rm -rf $(MODELS)/diamond
	@$(PIP) install --no-deps --target $(MODELS)/diamond 'ispyb>=12.1,<13'
	@touch $@

$(MODELS)/.esrf: $(VENV)/.made
	@rm -rf $(MODELS)/esrf
	@$(PIP) install --no-deps --target $(MODELS)/esrf 'ispyb-models-pyispyb>=1.3.2,<2'
	@touch $@

# The certified OpenID Connect provider, of the versions in the lock file.
$(NODE)/.made: tests/servers/node/package-lock.json $(VENV)/.made
	@rm -rf $(NODE); mkdir -p $(NODE)
	@cp tests/servers/node/package.json tests/servers/node/package-lock.json $(NODE)/
	@cd $(NODE) && npm ci --silent --no-audit --no-fund </dev/null
	@touch $@

# The window of the desktop is large: without it its test is skipped.
$(VENV)/.desktop: pyproject.toml $(VENV)/.test
	@$(PIP) install --editable '.[desktop]'
	@touch $@

# The rivals that benchmarks are held against.
$(VENV)/.bench: pyproject.toml $(VENV)/.test
	@$(PIP) install --editable '.[bench]'
	@touch $@

# What comes from Python's registry and what comes from elsewhere are fetched side by side.
setup: $(VENV)/.made
	@$(MAKE) --no-print-directory -j 2 packages others

packages: $(VENV)/.test
	@$(MAKE) --no-print-directory $(VENV)/.desktop \
	  || echo "The desktop's window could not be installed; its test is skipped."

# Without the models their tests are skipped, so a registry that cannot be reached stops nothing.
others: system $(VENV)/.made
	@for models in diamond esrf; do \
	  $(MAKE) --no-print-directory $(MODELS)/.$$models \
	  || echo "The $$models models could not be installed; the tests that need them are skipped."; done
	@if ! command -v npm >/dev/null; then echo "npm was not found; the tests with the certified OpenID provider are skipped."; \
	elif ! $(MAKE) --no-print-directory $(NODE)/.made; then \
	  echo "The certified OpenID provider could not be installed; the tests that need it are skipped."; fi

# Servers, proxies and browsers for the tests, where we may install them; elsewhere what is there is used. Chromium's
# headless shell opens a page in a third of the time; some distributions do not have it.
system:
	@wanted=; lighter=; export PATH="$$PATH:/usr/sbin:/usr/local/sbin"; \
	command -v mariadbd >/dev/null || command -v mysqld >/dev/null || wanted="mariadb-server-core mariadb-client-core"; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
	  || command -v google-chrome >/dev/null || wanted="$$wanted chromium"; \
	command -v chromium-headless-shell >/dev/null || lighter=chromium-headless-shell; \
	command -v Xvfb >/dev/null || wanted="$$wanted xvfb"; \
	for lib in xcb-cursor0:xcb-cursor xcb-icccm4:xcb-icccm xcb-keysyms1:xcb-keysyms egl1:EGL nss3:nss3; do \
	  ldconfig -p 2>/dev/null | grep -q "lib$${lib#*:}\.so" || wanted="$$wanted lib$${lib%:*}"; done; \
	command -v nginx >/dev/null || wanted="$$wanted nginx-light"; \
	command -v haproxy >/dev/null || wanted="$$wanted haproxy"; \
	command -v slapd >/dev/null || wanted="$$wanted slapd"; \
	command -v redis-server >/dev/null || wanted="$$wanted redis-server"; \
	if [ -n "$$wanted$$lighter" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; apt-get update -qq </dev/null || true; \
	  if [ -n "$$lighter" ] && apt-cache show $$lighter >/dev/null 2>&1; then wanted="$$wanted $$lighter"; fi; \
	  if [ -n "$$wanted" ]; then \
	    echo "Installing $$wanted for the tests …"; \
	    apt-get install -y -qq --no-install-recommends $$wanted >/dev/null </dev/null \
	      || echo "$$wanted could not be installed; the tests that need it are skipped."; fi; \
	elif [ -n "$$wanted" ]; then echo "Not found: $$wanted; the tests that need it are skipped."; fi

# --- what people run

demo: $(VENV)/.run
	@exec $(BIN)/python -m app demo $(if $(PORT),--port $(PORT)) $(if $(DIR),--dir "$(DIR)") \
	  $(if $(RESET),--reset) $(ARGS)

serve: $(VENV)/.run
	@exec $(BIN)/python -m app serve $(if $(CONFIG),--config "$(CONFIG)") $(if $(PORT),--port $(PORT)) $(ARGS)

check: $(VENV)/.run
	@exec $(BIN)/python -m app check $(if $(CONFIG),--config "$(CONFIG)") $(ARGS)

# --- what developers run

# The tests come last, so that a run ends with what they say, and run whatever the others found. What they need compiled
# is compiled while one core is left over.
test: setup
	@$(BIN)/python -c "from data.images import warm; warm.prepare()" </dev/null & \
	status=0; for part in lint types tests; do if [ $$part = tests ]; then wait; fi; \
	  $(MAKE) --no-print-directory $$part || { status=1; failed="$${failed:-} $$part"; }; done; \
	if [ $$status != 0 ]; then echo "Failed:$$failed" >&2; fi; exit $$status

lint:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types:
	@$(BIN)/mypy

# One worker more than cores: many tests wait for something.
tests:
	@$(BIN)/python -m pytest -n $$(( $$(nproc 2>/dev/null || echo 1) + 1 )) --dist loadgroup --durations=25 $(TESTS) $(ARGS) </dev/null

bench: setup $(VENV)/.bench
	@shopt -s nullglob; for bench in benchmarks/*.py; do \
	  echo "== $$bench"; $(BIN)/python "$$bench" --quick $(ARGS); done

docs: setup
	@$(BIN)/python -m pytest -q tests/test_docs.py

format: $(VENV)/.test
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
