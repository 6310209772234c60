# The same scenarios have the same traces in any process and build.

# Seeds of every scenario of the catalog that are compared between builds and processes: more than 200 runs.
readonly SAME_SEEDS=0..10

# The result of a run, without anything that depends on the machine: scenario, seed, verdict, trace.
essence() {
    local line
    grep '"type":"run"' "$1" | while IFS= read -r line; do
        printf '%s %s %s %s\n' "$(field scenario <<<"$line")" "$(field seed <<<"$line")" \
            "$(field verdict <<<"$line")" "$(field trace_hash <<<"$line")"
    done
}

same_traces() {
    local name
    "$release" run --seeds "$SAME_SEEDS" --no-fail-fast --out "$work/a" --message-format json >"$work/a.jsonl" || return 1
    "$release" run --seeds "$SAME_SEEDS" --no-fail-fast --out "$work/b" --message-format json -j 1 >"$work/b.jsonl" || return 1
    "$debug" run --seeds "$SAME_SEEDS" --no-fail-fast --out "$work/d" --message-format json >"$work/d.jsonl" || return 1
    for name in a b d; do
        essence "$work/$name.jsonl" >"$work/$name.txt"
    done
    [[ -s $work/a.txt ]] || return 1
    diff "$work/a.txt" "$work/b.txt" || { echo "two processes, two traces" && return 1; }
    diff "$work/a.txt" "$work/d.txt" || { echo "debug and release have two traces" && return 1; }
    echo "$(wc -l <"$work/a.txt") runs: the same traces in two processes of the release build and one of the debug build"
}
