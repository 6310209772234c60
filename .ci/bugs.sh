# Planted bugs are found; without one nothing is.

# Seeds of every scenario in which nothing may be found.
readonly CLEAN_SEEDS=0..60
# A planted bug is looked for in every scenario at few seeds first, and then at 2,000 of those that hunt for the rare ones.
readonly BUG_SEEDS=(0..5 5..20 20..200 200..2000)
readonly BUG_SCENARIOS=(
    fast-failovers-with-lookup-truncation fast-failovers-with-fetch-truncation
    stale-leaders-do-not-guide-truncation stale-followers-stay-out-of-the-isr a-forgotten-vote-is-not-given-twice
)

# A bug is found, its replay command repeats the run, and without the bug the same plan holds.
found() {
    local bug=$1 seeds scenarios=() status line command folder hash again
    for seeds in "${BUG_SEEDS[@]}"; do
        [[ ${seeds%%.*} -lt 20 ]] || scenarios=("${BUG_SCENARIOS[@]}")
        status=0
        "$release" run "${scenarios[@]}" --bug "$bug" --seeds "$seeds" --out "$work/$bug" --message-format json \
            >"$work/bug.jsonl" || status=$?
        # A scenario that did not show what it must is 100 as well, and no find.
        line=$(grep -m 1 '"verdict":"violated"' "$work/bug.jsonl" || true)
        [[ -n $line ]] && break
    done
    [[ -n $line && $status -eq 100 ]] || { echo "$bug: not found" && return 1; }
    hash=$(field trace_hash <<<"$line")
    folder=$(field folder <<<"$line")
    read -ra command <<<"$(field replay <<<"$line")"
    status=0
    "$release" "${command[@]:1}" --out "$work/replay" --message-format json >"$work/replay.jsonl" || status=$?
    [[ $status -eq 100 ]] || { echo "$bug: ${command[*]}: exit code $status" && return 1; }
    again=$(grep '"type":"run"' "$work/replay.jsonl" | field trace_hash)
    [[ $again == "$hash" ]] || { echo "$bug: trace $hash, replayed $again" && return 1; }
    "$release" run "$folder/plan.toml" --out "$work/without" >"$work/without.txt" ||
        { cat "$work/without.txt" && echo "$bug: the plan fails without the bug too" && return 1; }
    printf '%-20s %s seed %s, trace %s, replayed\n' "$bug" "$(field scenario <<<"$line")" "$(field seed <<<"$line")" "$hash"
}

planted_bugs() {
    local bug missed=0
    for bug in $("$release" list bugs --message-format json | field name); do
        found "$bug" || missed=1
    done
    return "$missed"
}

no_bug_nothing_found() {
    "$release" run --seeds "$CLEAN_SEEDS" --no-fail-fast --out "$work/clean"
}
