# The model checker: configurations that it exhausts, and counterexamples that the kernel repeats. Two to three minutes.

# Every configuration but the nightly ones holds, and has the number of states in its file.
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

# A counterexample breaks the same property in the kernel.
counterexamples() {
    local check bug status
    while read -r check bug; do
        status=0
        "$release" check "$check" --bug "$bug" --out "$work/checks" >/dev/null || status=$?
        [[ $status == 100 ]] || { echo "check $check --bug $bug exits $status"; return 1; }
        status=0
        "$release" replay "$work/checks/$check/plan.toml" || status=$?
        [[ $status == 100 ]] || { echo "replay of $bug exits $status"; return 1; }
    done <<'END'
replica KIP-101
replica KIP-497
quorum-3-lost-vote vote-persistence
controller KAFKA-10706
END
}
