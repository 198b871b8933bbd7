#!/usr/bin/env bash
# deploy/slurm/submit.sh SHARDS FOLDER [options of reproduce]: a job with so many shards, and one that joins
# them into FOLDER/merged. All nodes must see the workspace, FOLDER and the cache folder under these paths.
set -euo pipefail
usage="usage: deploy/slurm/submit.sh SHARDS FOLDER [options of cargo xtask reproduce]"
shards=${1:?$usage} folder=${2:?$usage}
shift 2

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
program=${OATS_XTASK:-target/release/xtask}
if [ -z "${OATS_XTASK:-}" ]; then cargo build --release -p xtask; fi
# A copy: only the program that computed the shards joins them, whatever is built meanwhile.
cp "$program" "$folder/xtask.new"
mv "$folder/xtask.new" "$folder/xtask"

export OATS_SHARDS=$shards OATS_PARTS=$folder
job=$(sbatch --parsable --array="1-$shards" --output="$folder/shard-%a.log" deploy/slurm/reproduce.sbatch "$@")
# When a shard fails the merge is cancelled; it would wait for ever.
merge=$(sbatch --parsable --dependency="afterok:$job" --kill-on-invalid-dep=yes --output="$folder/merge.log" deploy/slurm/merge.sbatch)
echo "shards: job $job; merge: job $merge; logs: $folder/*.log"
