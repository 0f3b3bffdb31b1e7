.PHONY: demo run test soak check bench setup

demo: setup ## A private engine and registry, small stacks with updates waiting, and the server
	uv run python -m tests.testbed.demo

run: ## The server, against this machine's own engine
	uv run dockrev serve

test: ## What CI runs: set up, check, test
	scripts/test

soak: ## The tests that take long and are not in `make test`
	scripts/soak

check:
	scripts/check

bench: setup ## The figures of bench/README.md, with their limits
	uv run python -m bench

setup:
	scripts/setup
