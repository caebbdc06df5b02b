# Every target makes what it needs, a virtual environment included.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More processes than the two cores of a small machine: many tests wait, and others work meanwhile.
SPREAD := -n 3 --dist loadfile --no-loadscope-reorder
# What depends on the interpreter: tokenizer, parser, compiler and pylint, and a document's way once through.
SHORT := answers checks filters flow hostile_rows prompts recipe sandbox small_filters sources text transport

ifneq ($(origin PYTHON),file)  # it was asked for: an environment of another version is made anew
OTHER := $(shell [ ! -x $(BIN)/python ] || [ "$$($(BIN)/python -V)" = "$$($(PYTHON) -V)" ] || echo other)
endif

.PHONY: demo test test-long test-short test-pythons test-servers test-ray check bench bench-ray clean $(OTHER)

demo: $(READY)  ## filter, rewrite with a small LLM on the CPU, and release: runs/demo, releases/demo
	$(BIN)/python -m builder publish demo

test: $(READY)  ## every test, the one with the real LLM included
	$(BIN)/python -m pytest $(SPREAD)

test-long: $(READY)  ## the same, with every moment to kill at and every text to score
	$(BIN)/python -m pytest $(SPREAD) --long --timeout 1200

test-short: $(READY)  ## what depends on the version of Python
	$(BIN)/python -m pytest -n 2 --dist loadfile $(SHORT:%=tests/test_%.py)

test-pythons:  ## test-short on every Python from 3.10 on that is found on PATH, by pyenv or uv: .venv-3.10 and so on
	@for minor in 10 11 12 13 14; do \
		found=; \
		for python in python3.$$minor ~/.pyenv/versions/3.$$minor.*/bin/python3 \
			~/.local/share/uv/python/cpython-3.$$minor.*/bin/python3; do \
			if "$$python" -c "import sys; sys.exit(sys.version_info[:2] != (3, $$minor))" 2>/dev/null; then \
				found=$$python; break; \
			fi; \
		done; \
		echo "Python 3.$$minor: $${found:-not found}"; \
		[ -z "$$found" ] || $(MAKE) --no-print-directory VENV=.venv-3.$$minor PYTHON=$$found test-short || exit 1; \
	done

test-servers: $(READY) .venv-servers/.ready  ## the pool on the real vLLM, on this machine's CPU
	$(BIN)/python -m pytest --servers tests/test_real_servers.py

test-ray: $(READY)  ## builds on a real Ray cluster of several nodes on this machine
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[ray]'
	$(BIN)/python -m pytest --ray tests/test_ray.py tests/test_ray_losses.py

check: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## figures side by side with what they are measured against
	for benchmark in contamination contents fleet flow hub_reading lint loop_lag many_shards near_duplicates poison publishing \
		rewriting scale secrets_filter; do \
		$(BIN)/python benchmarks/$$benchmark.py || exit 1; \
	done

bench-ray: $(READY)  ## the same of the Ray engine, beside the local one
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[ray]'
	$(BIN)/python benchmarks/ray_engine.py

clean:
	rm -rf $(VENV) .venv-3.* .venv-servers build dist runs releases

$(READY): pyproject.toml constraints.txt $(OTHER)
	[ -z "$(OTHER)" ] && [ -x $(BIN)/python ] || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[local,math,s3,secrets,notebooks,dev]'
	touch $@

.venv-servers/.ready: tests/real_vllm.py
	$(PYTHON) -m venv --clear .venv-servers
	.venv-servers/bin/python tests/real_vllm.py
	touch $@
