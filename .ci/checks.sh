# The model checker: configurations that are exhausted, and counterexamples that the kernel repeats. Two to three minutes.

# Every configuration but the nightly ones has the states it had, and all of them hold.
configurations() {
    "$release" check --out "$work/checks" --message-format json >"$work/checks.jsonl" || { cat "$work/checks.jsonl"; return 1; }
    if grep -v '"result":"held"' "$work/checks.jsonl"; then return 1; fi
    # "distinct_states":N,… "known_states":N
    while read -r line; do
        [[ $line =~ \"distinct_states\":([0-9]+) ]] && local states=${BASH_REMATCH[1]}
        [[ $line =~ \"known_states\":([0-9]+) ]] || return 1
        [[ ${BASH_REMATCH[1]} == "$states" ]] || { echo "another number of states: $line"; return 1; }
    done <"$work/checks.jsonl"
}

# A counterexample breaks the same promise in the kernel.
counterexamples() {
    local bug status
    for bug in KIP-101 KIP-497; do
        status=0
        "$release" check replica --bug "$bug" --out "$work/checks" >/dev/null || status=$?
        [[ $status == 100 ]] || { echo "check --bug $bug exits $status"; return 1; }
        status=0
        "$release" replay "$work/checks/replica/plan.toml" || status=$?
        [[ $status == 100 ]] || { echo "replay of $bug exits $status"; return 1; }
    done
}
