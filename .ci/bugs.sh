# Planted bugs are found, and nothing is found without one.

# Seeds of every scenario that must find nothing.
readonly CLEAN_SEEDS=0..60
# Seeds and a scenario that are known to find a planted bug soon. `tribunal bench zoo` measures that hunts find each bug
# without being told which; this step only keeps it so, in bounded time.
declare -rA KNOWN=(
    [KIP-101]="0..30 fast-failovers-lose-nothing-by-lookup-truncation"
    [KIP-279]="0..30 slow-followers-do-not-diverge-in-quick-elections"
    [KIP-320-isr]="0..60 stale-followers-stay-out-of-isr"
    [KIP-320-truncation]="0..30 late-leader-does-not-guide-truncation"
    [KIP-841]="0..5 fenced-broker-stays-out-of-isr"
    [KIP-903]="0..40 old-fetch-does-not-readmit-wiped-broker"
    [KIP-996]="0..5 returning-voter-does-not-depose-leader"
    [KAFKA-7164]="0..30 killed-leader-truncates-unreplicated-records"
    [KAFKA-9491]="0..5 follower-behind-retention-starts-over"
    [KAFKA-10706]="0..60 empty-epoch-does-not-block-followers"
    [vote-persistence]="0..400 voter-keeps-its-vote-across-power-loss"
)
# Further searches, in turn: seeds, and scenarios (none means all of them). The short ones come first.
readonly BUG_SEARCHES=(
    "0..30 fast-failovers-lose-nothing-by-lookup-truncation fast-failovers-lose-nothing-by-fetch-truncation stale-leaders-do-not-guide-truncation
        stale-followers-stay-out-of-isr voter-keeps-its-vote-across-power-loss survivable-faults-lose-nothing"
    "0..5"
    "30..2000 fast-failovers-lose-nothing-by-lookup-truncation fast-failovers-lose-nothing-by-fetch-truncation stale-leaders-do-not-guide-truncation
        stale-followers-stay-out-of-isr voter-keeps-its-vote-across-power-loss"
)

# A bug is found, its replay command repeats the run, and without the bug the same plan holds.
found() {
    local bug=$1 search seeds scenarios status line command folder hash again
    for search in ${KNOWN[$bug]:+"${KNOWN[$bug]}"} "${BUG_SEARCHES[@]}"; do
        read -r -d '' -a scenarios <<<"$search" || true
        seeds=${scenarios[0]}
        scenarios=("${scenarios[@]:1}")
        status=0
        "$release" run "${scenarios[@]}" --bug "$bug" --seeds "$seeds" --no-report --out "$work/$bug" \
            --message-format json >"$work/bug.jsonl" || status=$?
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
