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

# The value of a string in a line of JSON that holds it once.
field() {
    sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}
