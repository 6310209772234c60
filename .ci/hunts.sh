# Hunts.

# A hunt finds a planted bug that it is not told about, shrinks the find and replays it.
demonstration() {
    "$release" demo
}

# A hunt without a planted bug finds nothing: drawn scenarios, rare paths and the catalog, with every step of a replica held
# against the model of KIP-320. Half a minute on 2 cores.
hunt_finds_nothing() {
    "$release" hunt --seeds 0..2000 --check-refinement --no-report --out "$work/hunt" --regressions "$work/hunt-regressions"
}

# A find shrinks to the same file in another process and in a debug build, and replays to the same trace.
same_shrinks() {
    local build n=0 file
    for build in "$release" "$release" "$debug"; do
        n=$((n + 1))
        "$build" hunt --seeds 0..32 --bug KIP-101 --fail-fast --out "$work/shrink-$n" \
            --regressions "$work/small-$n" >"$work/shrink-$n.txt" && return 1
        (cd "$work/small-$n" && sed 's/small-[0-9]*\|shrink-[0-9]*//g' ./*.toml) >"$work/small-$n.toml"
        cmp "$work/small-1.toml" "$work/small-$n.toml" || return 1
    done
    for file in "$work"/small-1/*.toml; do
        for build in "$release" "$debug"; do
            "$build" replay "$file" --out "$work/small-replay" >"$work/replay.txt" && return 1
            grep -q identical "$work/replay.txt" || { cat "$work/replay.txt" && return 1; }
        done
    done
}
