# What the steps share. Sourced by .ci/run, which sets `work` (a scratch folder), `release` and `debug` (the binaries).

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# A step: what it is, and the command.
step() {
    local what=$1 started=$SECONDS
    shift
    printf '\n== %s\n' "$what"
    "$@" || fail "$what"
    printf -- '-- %s: %d s\n' "$what" $((SECONDS - started))
}

# A step that runs beside those that follow, until `joined`. One at a time, for `beside_pid` is what the end must kill.
beside_pid=
beside() {
    local started=$SECONDS
    beside_what=$1
    shift
    printf '\n== beside what follows: %s\n' "$beside_what"
    # In a process group of its own, so that it can be ended with all that it has started.
    set -m
    {
        "$@" || fail "$beside_what"
        printf -- '-- %s: %d s, beside other steps\n' "$beside_what" $((SECONDS - started))
    } &>"$work/beside.log" &
    beside_pid=$!
    set +m
}

# Waits for it. What it said is told here; its failure fails here.
joined() {
    local status=0
    wait "$beside_pid" || status=$?
    beside_pid=
    printf '\n== %s\n' "$beside_what"
    cat "$work/beside.log"
    [[ $status -eq 0 ]] || fail "$beside_what"
}

# Ends what still runs beside, if anything does.
end_beside() {
    if [[ -n $beside_pid ]]; then
        kill -- "-$beside_pid" 2>/dev/null || true
    fi
}

# The value of a string in a line of JSON that holds it once.
field() {
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}
