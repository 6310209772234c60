# shellcheck shell=bash
# Foreign judges: real clients against real brokers, our answers beside Apache Kafka's, its own file reader, bad input,
# kills.

# Fetches clients and Apache Kafka while the compiler works. The step itself installs what is still missing, and says why.
fetch_judges() {
    tests/interop/install.sh &>"$work/install.log" &
    fetching=$!
}

foreign_judges() {
    wait "$fetching" || true
    cargo build --release --locked -p tribunal-frames || return 1
    tests/interop/run.sh clients readme answers files hostile durability
}
