# The commands of the README. Every one of them may be interrupted and called again.

SERIES = series/rcu-page-counts
ARGS =
TESTS =

# Set-up makes .venv itself and needs to know of a chosen interpreter.
ifdef PYTHON
export PYTHON
endif

bin = .venv/bin
step = @printf '%s: %s\n' '$@'

.PHONY: help setup run check static test lock clean
.DEFAULT_GOAL = help

help:
	@echo 'make run    set up what is missing, then: harness run $(SERIES)'
	@echo '            (SERIES=series/NAME another series, ARGS="--plan" arguments of harness run)'
	@echo 'make test   set up what is missing, then ruff, mypy, import-linter and all tests, real kernels too'
	@echo 'make check  the same without the tests that build or boot a kernel: under a minute'
	@echo '            (TESTS="tests/findings -k lockdep" for some tests, here and in make test)'
	@echo 'make setup  set up only: distribution packages (setup/packages.txt), virtual environment in .venv'
	@echo '            (PYTHON=/path/to/python3 to choose the interpreter)'
	@echo 'make lock   renew requirements.lock'
	@echo 'make clean  remove .venv and the caches of the tools; kernels and results stay: see harness clean'
	@echo 'make itself exits 2 whenever something fails; call .venv/bin/harness for its own exit codes.'

setup:
	@setup/prepare

run: setup
	@setup/enter $(bin)/harness run $(SERIES) $(ARGS)

static: setup
	$(step) 'ruff'
	@$(bin)/ruff check --quiet
	@$(bin)/ruff format --check --quiet
	$(step) 'mypy --strict'
	@$(bin)/mypy
	$(step) 'import-linter'
	@$(bin)/lint-imports --no-logo

check: static
	$(step) 'pytest, quick'
	@setup/enter $(bin)/pytest -n auto -m 'not system and not slow' $(TESTS) $(if $(TESTS),|| test $$? = 5)

# The limit per test is for one that makes an image, builds a kernel and boots it, on a slow machine; those run one by
# one, since each has all processors to itself.
test: check
	$(step) 'pytest, thorough'
	@setup/enter $(bin)/pytest -n auto -m slow $(TESTS) $(if $(TESTS),|| test $$? = 5)
	$(step) 'pytest, with real kernels'
	@setup/enter $(bin)/pytest --timeout=1800 -m system $(TESTS) $(if $(TESTS),|| test $$? = 5)

lock:
	@setup/lock

clean:
	$(step) 'removing .venv, the caches of ruff, mypy, pytest, import-linter and hypothesis, __pycache__, *.egg-info'
	@rm -rf .venv .ruff_cache .mypy_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	@find harness tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || :
