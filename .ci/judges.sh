# shellcheck shell=bash
# Foreign judges: real clients against real brokers, our answers beside Apache Kafka's, its own file reader, bad input,
# kills.

foreign_judges() {
    cargo build --release --locked -p tribunal-frames || return 1
    tests/interop/run.sh clients readme answers files hostile durability
}
