#!/usr/bin/env bash
# An array job on a shared file system: sbatch slurm.sh. Each task hunts in its part; the last one to end merges.
#SBATCH --job-name=tribunal
#SBATCH --array=1-16
#SBATCH --cpus-per-task=2
#SBATCH --time=01:00:00
set -euo pipefail
seeds=${SEEDS:-0..1000000} budget=${BUDGET:-50m} out=${OUT:-tribunal-$SLURM_ARRAY_JOB_ID}
mkdir -p "$out"
part=$SLURM_ARRAY_TASK_ID parts=$SLURM_ARRAY_TASK_COUNT
status=0
"${TRIBUNAL:-tribunal}" hunt --seeds "$seeds" --budget "$budget" --partition "hash:$part/$parts" \
    -j "${SLURM_CPUS_PER_TASK:-1}" --out "$out/part-$part.json" --regressions "$out/regressions" || status=$?
[[ $status -eq 0 || $status -eq 100 ]] || exit "$status"
# A name can be taken by one task only, so the tasks that are done can be counted.
mkdir "$out/done-$part"
done_tasks=("$out"/done-*)
if [[ ${#done_tasks[@]} -eq $parts ]] && mkdir "$out/merging" 2>/dev/null; then
    exec "${TRIBUNAL:-tribunal}" merge "$out"/part-*.json --out "$out/merged.json" --junit "$out/junit.xml"
fi
