# shellcheck shell=bash
# Foreign judges: real clients against real brokers, and bad input.

foreign_judges() {
    cargo build --release --locked -p tribunal-frames || return 1
    tests/interop/run.sh clients hostile
}
