# The few words a person types. Each recipe is what it says; README and CONTRIBUTING explain them.
.DEFAULT_GOAL := help
.PHONY: help demo test matrix lint docs site install build bench dist dist-twice

help:           ## list these words
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST)

demo:           ## run the main job: real Terraform against the emulator
	@bash examples/demo.sh

# Most tests wait for the emulator most of the time: six for each core.
test:           ## all tests; needs terraform or tofu on the PATH
	RUST_TEST_THREADS="$${RUST_TEST_THREADS:-$$((6 * $$(getconf _NPROCESSORS_ONLN)))}" cargo test --workspace

matrix:         ## every case with real CLIs: make matrix CLIS="/path/to/terraform /path/to/tofu"
	CLIS="$(CLIS)" KEEP="$(KEEP)" cargo test --workspace --test matrix

lint:           ## formatting, clippy, documentation and the examples' layout
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet
	$$(command -v terraform || command -v tofu) fmt -check -recursive examples

docs:           ## write the reference pages and messages.md in docs/ anew, from the schema, the table of CLIs and the snapshots
	UPDATE_DOCS=1 cargo test --quiet --test suite docs::the_reference_pages

site:           ## the documents as pages, in target/site/html; needs mdbook (cargo install mdbook --version ^0.4 --locked)
	cargo run --quiet --locked -p huaweidb-dist -- site target/site
	mdbook build target/site
	cargo run --quiet --locked -p huaweidb-dist -- links target/site/html

build:          ## the release binary, target/release/terraform-provider-huaweidb
	cargo build --release --bin terraform-provider-huaweidb

install: build  ## the release binary into the local mirror of Terraform and OpenTofu
	bash examples/mirror.sh target/release/terraform-provider-huaweidb "$${HOME}/.terraform.d/plugins"

dist:           ## the files of a release for this platform, and its mirrors, in target/dist
	bash dist/dist.sh

dist-twice:     ## build the release twice in different folders and compare the files
	bash dist/twice.sh

bench: build    ## measure what the guides promise, into target/bench; PEER=/path/to/the/official/provider compares
	PEER="$(PEER)" cargo run --profile quick -p huaweidb-bench -- target/release/terraform-provider-huaweidb
