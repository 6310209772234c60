# Shared by the steps. Sourced by .ci/run, which sets `work` (a scratch folder), `release` and `debug` (the binaries).

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# A step: its title, and the command.
step() {
    local what=$1 started=$SECONDS
    shift
    printf '\n== %s\n' "$what"
    "$@" || fail "$what"
    printf -- '-- %s: %d s\n' "$what" $((SECONDS - started))
}

# A step that runs beside the following ones, until `joined`. One at a time, because the end must kill `beside_pid`.
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

# Waits for it, and prints its output. Its failure fails the run here.
joined() {
    local status=0
    wait "$beside_pid" || status=$?
    beside_pid=
    printf '\n== %s\n' "$beside_what"
    cat "$work/beside.log"
    [[ $status -eq 0 ]] || fail "$beside_what"
}

# Ends the step that still runs beside, if there is one.
end_beside() {
    if [[ -n $beside_pid ]]; then
        kill -- "-$beside_pid" 2>/dev/null || true
    fi
}

# The value of a string field in a line of JSON that has it once.
field() {
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}
