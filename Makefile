# Everything a person or a machine runs on this project. The first target that needs it makes .venv.

PYTHON ?= python3
# With the policies that come with the toolkit, where there are any.
RUN_FLAGS ?= $(if $(wildcard policies/pretrained/default/policies.pt),--policies learned)

# Two workers share the tests; each keeps to one thread.
WORKERS ?= -n 2 --dist loadfile

# One thread each: batches are vectorised already, and the tests measure one core.
export OMP_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export NUMBA_NUM_THREADS = 1

BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow check bench clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

$(STAMP): pyproject.toml constraints.txt
	@echo "Installing into .venv (some minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@touch $@

install: $(STAMP) ## make .venv with the exact versions of constraints.txt

run: $(STAMP) ## play the default week into a fresh folder runs/default-<n> (OUT=... elsewhere)
	@n=1; while [ -e "runs/default-$$n" ]; do n=$$((n + 1)); done; \
		$(BIN)/cosim run $(RUN_FLAGS) --out "$(or $(OUT),runs/default-$$n)"

test: $(STAMP) ## run the tests, the slow ones left out
	@$(BIN)/python -m pytest -m "not slow" $(WORKERS)

test-slow: $(STAMP) ## run the slow tests
	@$(BIN)/python -m pytest -m slow || [ $$? -eq 5 ] # 5: there is none

check: $(STAMP) ## format, lint, types and tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -m "not slow" $(WORKERS)

bench: $(STAMP) ## measure speed and memory
	@set -e; for file in tests/benchmarks/bench_*.py; do echo "== $$file"; PYTHONPATH=. $(BIN)/python "$$file"; done

clean: ## remove the environment and all caches; results in runs/ stay
	@rm -rf .venv build dist ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
