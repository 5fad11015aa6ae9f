#!/bin/bash
#SBATCH --job-name=orderparams
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00

# A scan as an array of jobs, each of which runs a share of the points:
#
#   job=$(sbatch --parsable slurm-array.sh my.toml scan.h5)
#   sbatch --dependency=afterany:$job --wrap "orderparams scan --collect -o scan.h5"
#
# my.toml has the table [scan]. Array indices count from 1. Submitted again, the array runs what is
# missing or has failed.

set -euo pipefail
orderparams scan "$1" -o "$2" --quiet --workers "${SLURM_CPUS_PER_TASK:-1}" \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
