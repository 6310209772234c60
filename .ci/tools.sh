# shellcheck shell=bash
# Tools: what must be installed, what is fetched, what is built.

tools() {
    command -v cargo >/dev/null || fail "there is no cargo: install Rust from https://rustup.rs"
    command -v cc >/dev/null || fail "there is no C compiler: apt-get install build-essential"
    for component in rustfmt clippy; do
        cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add "$component" || return 1
    done
    cargo --version
    rustc --version
}

# Clients and Apache Kafka; Chromium and a Python environment; nightly Rust; cargo-deny. Waits for the network while the compiler
# works. Three minutes at most.
fetch() {
    tests/interop/install.sh && bash tests/reports/install.sh "$work/venv" && fetch_fuzz && fetch_deny
}

# A debug build: it takes a second to run, and a third of the time to build.
readonly CARGO_DENY=0.20.2
fetch_deny() {
    cargo deny --version 2>/dev/null | grep -q " $CARGO_DENY$" || cargo install --quiet --locked --debug "cargo-deny@$CARGO_DENY"
}

# Licences, bans and sources of dependencies: deny.toml. Advisories need a clone of RustSec's database, and CI must not need
# more network than crates: `cargo xtask deny advisories` asks it.
dependencies() {
    cargo xtask deny
}

# Builds the command line and the judges of frames.
release_build() {
    cargo build --release --locked && cargo build --release --locked -p tribunal-frames
}

# Two to five minutes of one core.
one_after_another() {
    step "licences, bans and sources of dependencies" dependencies
    step "every interleaving of small configurations" configurations
    step "counterexamples in the kernel" counterexamples
    step "reports in a browser, figures recomputed" env TRIBUNAL_REPORTS_VENV="$work/venv" bash tests/reports/run.sh "$release"
    step "fuzz targets are built" build_fuzz
}
