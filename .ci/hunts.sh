# Hunts.

# A planted bug that nobody names to the hunt is found, made small and replayed.
demonstration() {
    "$release" demo
}
