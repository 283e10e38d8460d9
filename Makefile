# Everything does its own set-up. `make` alone lists the targets.
VENV := .venv/bin
PORT ?= 8000
SPEED ?= 1
SEED ?= 7
PYTEST ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test check format console screenshots benchmarks clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## set up, then fly one patrol from plan to ticket; console on http://127.0.0.1:8000
	@scripts/setup.sh python console
	$(VENV)/skybeat demo --port $(PORT) --speed $(SPEED) --seed $(SEED)

test: ## set up, then all tests that this machine can run; what is skipped says why
	@scripts/setup.sh tests console browser
	$(VENV)/python -m pytest $(PYTEST)

check: ## format, lint, types, layers
	@scripts/setup.sh tests
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports --no-cache

format: ## format and fix what can be fixed
	@scripts/setup.sh tests
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

console: ## build the web console
	@scripts/setup.sh python console

screenshots: ## make the pictures of the documentation from a running demo
	@scripts/setup.sh tests console browser
	$(VENV)/python scripts/screenshot_console.py

benchmarks: ## print the measured ratios
	@scripts/setup.sh tests
	$(VENV)/python -m benchmarks.vision
	$(VENV)/python -m benchmarks.tiles --seeds 520 --headings 0 --frames 65
	$(VENV)/python -m benchmarks.link --runs 100
	$(VENV)/python -m benchmarks.bookings
	$(VENV)/python -m benchmarks.planning --cells 30
	$(VENV)/python -m benchmarks.sorties
	$(VENV)/python -m benchmarks.fleet --towns 5
	$(VENV)/python -m benchmarks.deconfliction
	$(VENV)/python -m benchmarks.seen

clean: ## remove what was built; keeps data/
	rm -rf .venv server/console/node_modules server/console/dist build
