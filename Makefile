# Two commands matter: `make cartpole` and `make test`. The rest is for developers.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := pyproject.toml constraints.txt

FUZZ_SECONDS ?= 300
FUZZ_SEED ?= 0
SOAK_SECONDS ?= 1800

.PHONY: cartpole test test-core test-envpool test-long soak fuzz explore lint types lessons docs bench clean

cartpole: .venv/.core
	$(BIN)/upright train CartPole-v1

test: .venv/.test
	$(BIN)/python -m pytest -n auto

# What needs no extra, in an environment that has none.
test-core: .venv-core/.test
	.venv-core/bin/python -m pytest -n auto tests/settings tests/policy tests/rollout tests/learning tests/judging

# The extra envpool is 740 MB, so the test extra has no part of it.
test-envpool: .venv/.envpool
	$(BIN)/python -m pytest tests/envs/test_envpool.py

# A soak of eight minutes takes one core; the other long tests run beside it.
test-long: .venv/.test .venv/.fuzz
	@$(MAKE) soak SOAK_SECONDS=480 & soak=$$!; \
	$(BIN)/python -m pytest -n auto -m long --ignore=tests/experiment/test_soak.py; long=$$?; \
	UPRIGHT_EXAMPLES=1000 $(BIN)/python -m pytest tests/runs/test_reading_properties.py; read=$$?; \
	UPRIGHT_EXAMPLES=100 $(BIN)/python -m pytest tests/learning/test_gradients.py \
		tests/learning/test_any_spaces.py; drawn=$$?; \
	$(MAKE) fuzz FUZZ_SEED=1; fuzz=$$?; \
	wait $$soak; soak=$$?; \
	echo "long tests: $$long, readers: $$read, gradients and spaces: $$drawn, fuzzing: $$fuzz, soak: $$soak (0 is passed)"; \
	[ $$long -eq 0 ] && [ $$read -eq 0 ] && [ $$drawn -eq 0 ] && [ $$fuzz -eq 0 ] && [ $$soak -eq 0 ]

soak: .venv/.test
	UPRIGHT_SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest -m long -p no:cacheprovider \
		tests/experiment/test_soak.py

fuzz: .venv/.fuzz
	$(BIN)/python fuzz/fuzz_readers.py --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

# Examples that no test has drawn yet; what fails here becomes a case that every test run has.
explore: .venv/.test
	UPRIGHT_EXAMPLES=1000 $(BIN)/python -m pytest -n auto --hypothesis-profile=other \
		tests/runs/test_reading_properties.py tests/learning/test_gradients.py \
		tests/learning/test_any_spaces.py tests/envs/test_codec.py

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

# The notebooks, from lessons/*.py and the catalogues in lessons/translations.
lessons: .venv/.dev
	$(BIN)/python lessons/build.py

# A warning is an error, and so is a link that leads nowhere; nothing of the network is needed.
docs: .venv/.docs
	rm -rf build/docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky -c docs . build/docs
	@echo "The site is in build/docs; build/docs/index.html is its first page."

bench: .venv/.bench
	$(BIN)/python benchmarks/time_to_solve.py

clean:
	rm -rf .venv .venv-core build dist .pytest_cache .mypy_cache .ruff_cache

.venv/.core: $(SOURCES)
	@echo "Making .venv and installing Upright ..."
	$(PYTHON) -m venv .venv
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/.test: .venv/.core
	$(PIP) install --quiet --constraint constraints.txt --editable ".[test]"
	@touch $@

.venv/.envpool: .venv/.core
	$(PIP) install --quiet --constraint constraints.txt --editable ".[test,envpool]"
	@touch $@

.venv-core/.test: $(SOURCES)
	$(PYTHON) -m venv .venv-core
	.venv-core/bin/python -m pip --disable-pip-version-check install --quiet \
		--constraint constraints.txt --editable . pytest pytest-xdist hypothesis
	@touch $@

.venv/.fuzz: .venv/.core
	$(PIP) install --quiet --constraint constraints.txt --editable ".[fuzz]"
	@touch $@

.venv/.dev: .venv/.core
	$(PIP) install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

.venv/.docs: .venv/.core
	$(PIP) install --quiet --constraint constraints.txt --editable ".[docs,lessons]"
	@touch $@

.venv/.bench: .venv/.core
	$(PIP) install --quiet --constraint constraints.txt --editable ".[bench]"
	@touch $@
