PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: setup serve test lint metrics clean

setup: .venv/serve.stamp

serve: setup
	$(BIN)/thinline serve --port $(PORT)

# The codec's tests run two at a time; those of calls, which are heard in real time, have the machine to themselves.
test: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses 2 --dist loadfile tests/codec
	$(BIN)/pytest --ignore tests/codec

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy

# DistillMOS asks for torchaudio and transformers but runs without: hence --no-deps.
metrics: .venv/serve.stamp
	$(PIP) torch==2.13.0
	$(PIP) --editable ".[evaluate]"
	$(PIP) --no-deps distillmos xls-r-sqa

NATIVE := setup.py $(wildcard codec/engine/native/*.cpp codec/engine/native/*.h) codec/engine/native/build.py

.venv/serve.stamp: pyproject.toml constraints.txt $(NATIVE)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

# torch goes first and alone: a resolver that chooses it freely may fetch gigabytes of CUDA libraries.
.venv/test.stamp: .venv/serve.stamp
	$(PIP) torch==2.13.0
	$(PIP) --editable ".[train,test]"
	command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
	touch $@

clean:
	rm -rf .venv build *.egg-info codec/engine/native/*.so .pytest_cache .mypy_cache .ruff_cache
