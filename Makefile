# Two commands matter: `make demo` and `make test`. Each does its own set-up in .venv.

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info)' 2>/dev/null && { echo $$p; break; }; done)
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PEERS := build/peers
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test test-peers lint types unit notebooks bench bench-gateway clean

help:
	@echo "make demo   install, then run the main job without a key on the embedded gateway"
	@echo "make test   install, then lint, types, tests and notebooks"
	@echo "make test-peers  LangChain's integration tests through a LiteLLM proxy, which it installs"
	@echo "make bench  the figures of docs/figures.md, measured on this machine"
	@echo "make bench-gateway  clients side by side behind faults and limits (long)"
	@echo "make clean  remove .venv and everything that was built"
	@echo "Another Python: make demo PYTHON=python3.12"

demo: $(VENV)/.installed
	$(BIN)/python examples/demo.py

test: lint types unit notebooks

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

unit: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

notebooks: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -o addopts="" -p no:cacheprovider -W default --nbmake --nbmake-timeout=120 notebooks

# Not a part of `make test`: installs 700 MB beside this program and starts a server.
test-peers: $(VENV)/.installed-dev $(PEERS)/.installed
	LITELLM=$(subst $(VENV),$(PEERS),$(BIN))/litellm $(BIN)/python -m pytest \
		--force-enable-socket --allow-hosts=127.0.0.1 tests/peers/litellm_standard.py tests/peers/litellm_losses.py

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/startup.py

bench-gateway: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/gateway.py

clean:
	rm -rf $(VENV) build dist *.egg-info .demo .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found. Install one, or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { echo "(this Python has no venv module: using virtualenv)"; rm -rf $(VENV); \
		$(PYTHON) -m pip install -q --target build/bootstrap virtualenv && \
		PYTHONPATH=build/bootstrap $(PYTHON) -m virtualenv -q $(VENV); }
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing grok-agent into $(VENV) (about a minute) ..."
	@$(PIP) install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing the development tools into $(VENV) ..."
	@$(PIP) install -q "pip>=25.1"
	@$(PIP) install -q -c constraints.txt --group dev
	@touch $@

$(PEERS)/.installed: $(VENV)/.created
	@echo "Installing LiteLLM's proxy into $(PEERS) (about two minutes) ..."
	@$(PYTHON) -m venv $(PEERS) >/dev/null 2>&1 || \
		PYTHONPATH=build/bootstrap $(PYTHON) -m virtualenv -q $(PEERS)
	@$(subst $(VENV),$(PEERS),$(BIN))/python -m pip install -q "litellm[proxy]==1.101.6"
	@touch $@
