# Every target makes what it needs, a virtual environment included.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More processes than the two cores of a small machine: many tests wait, and others work meanwhile.
SPREAD := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-long check bench clean

demo: $(READY)  ## filter, rewrite with a small LLM on the CPU, and release: runs/demo, releases/demo
	$(BIN)/python -m builder publish demo

test: $(READY)  ## every test, the one with the real LLM included
	$(BIN)/python -m pytest $(SPREAD)

test-long: $(READY)  ## the same, with every moment to kill at and every text to score
	$(BIN)/python -m pytest $(SPREAD) --long --timeout 1200

check: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## figures side by side with what they are measured against
	for benchmark in contamination contents fleet flow hub_reading lint loop_lag near_duplicates publishing rewriting \
		scale secrets_filter; do \
		$(BIN)/python benchmarks/$$benchmark.py || exit 1; \
	done

clean:
	rm -rf $(VENV) build dist runs releases

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local,math,s3,secrets,notebooks,dev]'
	touch $@
