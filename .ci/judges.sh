# shellcheck shell=bash
# Foreign judges: real clients against real brokers, our answers beside Apache Kafka's, its own file reader, bad input,
# kills.

foreign_judges() {
    tests/interop/run.sh clients readme answers files hostile durability
}
