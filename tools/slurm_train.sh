#!/usr/bin/env bash
# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
# tools/slurm_train.sh PARTITION JOB CONFIG WORK_DIR [OPTIONS]
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS from outside.
set -euo pipefail

PARTITION=$1
JOB=$2
CONFIG=$3
WORK_DIR=$4
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-8}

# shellcheck disable=SC2086  # SRUN_ARGS is a list of options
srun --partition="$PARTITION" --job-name="$JOB" \
    --gres="gpu:$GPUS_PER_NODE" --ntasks="$GPUS" \
    --ntasks-per-node="$GPUS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/train.py" "$CONFIG" --work-dir "$WORK_DIR" --launcher slurm "${@:5}"
