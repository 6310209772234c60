# shellcheck shell=bash
# Fuzzing: every decoder of bytes that others send, by coverage-guided mutation of the committed seeds.

readonly CARGO_FUZZ=0.13.2 FUZZ_SECONDS=25
readonly FUZZ_TARGETS=(batches frames metadata_records requests responses)

# Fuzzes one target, from its seeds, for a bounded time.
fuzz_target() {
    local target=$1 log=$work/fuzz-$1.log corpus=$work/corpus/$1
    mkdir -p "$corpus"
    if ! "$work/fuzz/$target" "$corpus" "broker/protocol/fuzz/seeds/$target" -max_total_time="$FUZZ_SECONDS" \
        -max_len=4096 -rss_limit_mb=512 -artifact_prefix="$work/" -print_final_stats=1 &>"$log"; then
        tail -n 40 "$log"
        # The input itself: `cargo +nightly fuzz run TARGET FILE` repeats it.
        sed -n 's/^Base64: /input, in base64: /p' "$log"
        return 1
    fi
    printf '%s: %s inputs, %s\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)"
}

fetch_fuzz() {
    rustup toolchain list | grep -q '^nightly' || rustup toolchain install nightly --profile minimal || return 1
    cargo fuzz --version 2>/dev/null | grep -q " $CARGO_FUZZ$" ||
        cargo install --quiet --locked "cargo-fuzz@$CARGO_FUZZ"
}

build_fuzz() {
    local target
    # Safe Rust needs no address sanitizer: what is looked for are panics and memory.
    (cd broker/protocol && cargo +nightly fuzz build --sanitizer none --target-dir "$work/fuzz-build") || return 1
    mkdir -p "$work/fuzz"
    for target in "${FUZZ_TARGETS[@]}"; do
        cp "$(find "$work/fuzz-build" -type f -name "$target" -path '*/release/*' -perm -u+x | head -n 1)" "$work/fuzz/" ||
            return 1
    done
}

fuzz() {
    local target pid pids=()
    for target in "${FUZZ_TARGETS[@]}"; do
        fuzz_target "$target" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || return 1
    done
}
