# Hunts.

# Nobody's scenarios, no bug: nothing may be found. A minute and a half in two parts, which are merged.
hunt_finds_nothing() {
    TRIBUNAL=$release scenarios/farms/local.sh 2 0..1000000 "$work/farm" --budget 90s
}

# A planted bug that nobody names to the hunt is found, made small and replayed.
demonstration() {
    "$release" demo
}
