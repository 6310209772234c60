#!/usr/bin/env bash
# A hunt in parts, each a process of this machine: local.sh PARTS SEEDS [FOLDER] [FLAG…]
# TRIBUNAL is the command, `tribunal` if not set. Ends as `tribunal merge` does: 0 nothing found, 100 something was.
set -euo pipefail
parts=${1:?how many parts} seeds=${2:?which seeds, such as 0..10000} out=${3:-target/tribunal/farm}
shift $(($# < 3 ? $# : 3))
mkdir -p "$out"
running=()
for part in $(seq 1 "$parts"); do
    "${TRIBUNAL:-tribunal}" hunt --seeds "$seeds" --partition "hash:$part/$parts" -j 1 \
        --out "$out/part-$part.json" --regressions "$out/regressions" "$@" >"$out/part-$part.log" 2>&1 &
    running+=($!)
done
for process in "${running[@]}"; do
    status=0
    wait "$process" || status=$?
    # 100 is a find, and the merge tells of it.
    [[ $status -eq 0 || $status -eq 100 ]] || { cat "$out"/part-*.log >&2 && exit "$status"; }
done
exec "${TRIBUNAL:-tribunal}" merge "$out"/part-*.json --out "$out/merged.json"
