# The recipes of the house. CI calls exactly these; `make help` lists them. Needs GNU make, or any make with .PHONY.

CARGO ?= cargo

.PHONY: help
help: ## List the recipes
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' Makefile | while IFS='|' read -r name what; do printf '  %-14s %s\n' "$$name" "$$what"; done

.PHONY: check
check: fmt lint doc test clean-tree ## What every change must pass, cheapest first

.PHONY: fmt
fmt: ## Formatting is rustfmt's
	$(CARGO) fmt --all --check

.PHONY: deny
deny: ## Licences, sources and bans of the dependencies (needs cargo-deny)
	$(CARGO) deny --locked check bans licenses sources

.PHONY: advisories
advisories: ## Known vulnerabilities of the dependencies (needs cargo-deny and the network)
	$(CARGO) deny --locked check advisories

.PHONY: lint
lint: ## Clippy, all targets, no warnings
	$(CARGO) clippy --locked --all-targets -- -D warnings

.PHONY: doc
doc: ## Rustdoc, no warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

# The versions that the tests were written against; moto honours If-Match and If-None-Match, as S3 does. Its own list for servers is much longer.
MOTO = 'moto[s3]==5.2.1' flask==3.1.3 flask-cors==6.0.5 werkzeug==3.1.9

.PHONY: peers
peers: target/peers/moto/bin/moto_server ## A private Python with the S3 server that tests use (needs python3 with venv, and the network once)

target/peers/moto/bin/moto_server:
	python3 -m venv target/peers/moto
	target/peers/moto/bin/pip install --quiet --disable-pip-version-check $(MOTO)

.PHONY: test
test: ## All tests (README command 2)
	$(CARGO) test --locked

.PHONY: oracle
oracle: ## The resolver against brute force, on 100,000 random registries, and in chains of 50,000
	PACKS_ORACLE_CASES=100000 $(CARGO) test --locked --release --test main -- resolver::

.PHONY: demo
demo: ## The main job from end to end (README command 1)
	sh examples/demo.sh

.PHONY: large
large: ## Archives of more than 4 GiB and of 100,000 files (needs python3, sha256sum, tar and zstd; takes 4 GiB of reading, little disk)
	$(CARGO) build --release --locked
	python3 benches/large.py target/release/packs

.PHONY: deep
deep: ## A chain of 50,000 packs, locked, drawn and explained with a small stack (needs python3)
	$(CARGO) build --release --locked
	python3 benches/deep.py target/release/packs

.PHONY: search
search: ## How long a search of 100,000 names takes (needs python3 and zstd)
	$(CARGO) build --release --locked
	python3 benches/search.py target/release/packs

.PHONY: benches
benches: ## The benches compile
	$(CARGO) check --locked --benches

.PHONY: fuzz
fuzz: ## The fuzz targets compile
	$(CARGO) check --manifest-path fuzz/Cargo.toml

.PHONY: shell
shell: ## The shell scripts parse, the example packs' commands work (and shellcheck passes where it is installed)
	@set -e; for script in examples/*.sh examples/by-hand/*.sh examples/packs/*/bin/*; do sh -n "$$script"; done
	@sh examples/check.sh
	@if command -v shellcheck >/dev/null; then shellcheck examples/*.sh examples/by-hand/*.sh examples/packs/*/bin/* .ci/run; else echo "shellcheck: not installed, parsed and run only"; fi

.PHONY: clean-tree
clean-tree: ## Nothing generated differs from what is committed
	@changed=$$(git status --porcelain); if [ -n "$$changed" ]; then echo "The working tree is not clean:"; echo "$$changed"; exit 1; fi

.PHONY: registry
registry: ## Rebuild examples/registry from examples/packs
	sh examples/rebuild.sh
