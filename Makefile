# Two commands matter: `make quickstart` and `make test`. Each does its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: quickstart setup setup-dev test test-all bench docs lint drift format contracts wheel wheel-test sbom lock clean

setup: $(VENV)/.ready
setup-dev: $(VENV)/.ready-dev

PIP = $(BIN)/python -m pip install -q --disable-pip-version-check

# hash-checked install of the committed lock, then the package itself without its dependencies
$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Freehold needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Set PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -q && apt-get install -qy python3-venv; \
	  else echo "Python's venv module is missing: sudo apt-get install python3-venv" >&2; exit 1; fi; }
	@echo "setting up $(VENV) (a minute, once)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements.lock >&2
	@$(PIP) --no-deps --no-build-isolation -e . >&2
	@# a third of a second for each start, where the environment keeps Python from writing what it compiled
	@$(BIN)/python -m compileall -q src >&2
	@touch $@

# what tests, measurements and linting need on top
$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.lock
	@echo "installing what the tests need" >&2
	@$(PIP) --require-hashes -r requirements-dev.lock >&2
	@touch $@

# the reference chain node, ethers, viem and the contract compiler; tests that need them skip by name without
NODE_TESTS := tests/clients/node_modules/.ready contracts/node_modules/.ready
%/node_modules/.ready: %/package-lock.json
	@if node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then \
	  echo "installing $* (npm)" >&2; \
	  (cd $* && npm install --no-save --silent --no-audit --no-fund >&2) && touch $@ || echo "npm failed in $*: tests that need it are skipped" >&2; \
	else echo "Node 20 is not here: tests that need it are skipped" >&2; fi

# what tests need of the system: Chromium, a Postgres server, the proxies that the documentation configures, tools;
# installed where that is possible, else those tests skip by name
define system_packages
$(VENV)/.$(1):
	@mkdir -p $(VENV)
	@if $(3); then touch $$@; \
	elif [ "$$$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing $(2) (apt-get)" >&2; \
	  { apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends --no-upgrade $(2); } >/dev/null 2>&1 \
	    && touch $$@ || echo "$(2) could not be installed: tests that need it are skipped" >&2; \
	else echo "$(2) is not here: tests that need it are skipped" >&2; fi
endef
have = command -v $(1) >/dev/null
$(eval $(call system_packages,browser,chromium,$(call have,chromium) || $(call have,chromium-browser) || $(call have,google-chrome)))
$(eval $(call system_packages,postgres,postgresql,$(call have,initdb) || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1))
$(eval $(call system_packages,proxies,caddy nginx-light,$(call have,caddy) && { $(call have,nginx) || ls /usr/sbin/nginx >/dev/null 2>&1; }))
$(eval $(call system_packages,tools,curl iproute2 jq nftables strace systemd,$(call have,curl) && $(call have,ip) && $(call have,jq) && $(call have,strace) && $(call have,systemd-analyze) && ls /usr/sbin/nft >/dev/null 2>&1))
FOR_TESTS := $(NODE_TESTS) $(addprefix $(VENV)/.,browser postgres proxies tools)

quickstart: setup
	@$(BIN)/freehold quickstart $(ARGS)

# many tests wait for clocks and other processes: three at a time fill two cores
test: setup-dev $(FOR_TESTS)
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

test-all: setup-dev $(FOR_TESTS)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: setup-dev $(NODE_TESTS)
	@$(BIN)/python -m bench $(ARGS)

# a site that opens from disk: site/index.html
docs: setup-dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict && echo site/index.html

lint: setup-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# files that are written out of the code say what it says, and figures on pages what was measured
drift: setup-dev
	@$(BIN)/python -m freehold.shell.generate --check
	@$(BIN)/python scripts/reference.py --check
	@$(BIN)/python -m freehold.shell.cli.reference | cmp - docs/reference/cli.md
	@$(BIN)/python scripts/figures.py
	@$(BIN)/python scripts/catalogue.py --check

# needs Node 20 or newer; users never do, the artifacts are committed
contracts: contracts/node_modules/.ready
	@cd contracts && node build.mjs $(ARGS)

# dist/: the same bytes whenever and wherever one commit is built
wheel: setup
	@rm -rf dist
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct || \
	  { echo "git tells no commit and so no time: the files are dated 2020, other bytes than the commit's. SOURCE_DATE_EPOCH sets it." >&2; echo 1577836800; })} \
	  $(BIN)/python -m hatchling build -d dist

# installs it for each Python from 3.11 to 3.13 that is here, and runs the quickstart with it
wheel-test: wheel
	@$(BIN)/python scripts/wheel_test.py dist/freehold-*.whl $(ARGS)

# what an installation with all extras consists of, with licences, in CycloneDX: dist/freehold.cdx.json
sbom: wheel setup-dev
	@rm -rf build/sbom && $(PYTHON) -m venv build/sbom
	@build/sbom/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-extras.lock
	@build/sbom/bin/python -m pip install -q --disable-pip-version-check --no-deps dist/freehold-*.whl
	@$(BIN)/python scripts/sbom.py dist/freehold-*.whl build/sbom/bin/python > dist/freehold.cdx.json

# rewrites the three locks from pyproject.toml (development only; needs uv)
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock:
	@$(LOCK) --group build pyproject.toml -o requirements.lock
	@$(LOCK) --group build --all-extras -c requirements.lock pyproject.toml -o requirements-extras.lock
	@$(LOCK) --group build --group dev --all-extras -c requirements-extras.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis contracts/node_modules tests/clients/node_modules
