#!/usr/bin/env bash
# Runs the Slurm path for real on this machine: munged, slurmctld and slurmd on loopback, all they write in a
# temporary folder; one array task killed half way and requeued; merged, and held against one plain run.
# Needs root, Debian's slurm-wlm and munge (installed if they can be), and cargo, or OATS_XTASK, a built xtask.
# Without Slurm it says so and ends well, unless OATS_REQUIRE_SLURM=1.
set -euo pipefail
cd "$(dirname "$0")/../.."

not_run() {
  echo "not run: $*"
  [ "${OATS_REQUIRE_SLURM:-}" = 1 ] && exit 1
  exit 0
}
fail() {
  echo "failed: $*" >&2
  tail -n 20 "$dir"/*.log "$dir"/parts/*.log >&2 || true
  exit 1
}

[ "$(id -u)" = 0 ] || not_run "daemons of a cluster must be started by root"
slurm() { command -v slurmctld && command -v slurmd && command -v munged; } >/dev/null
slurm || { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends slurm-wlm munge; } ||
  true
slurm || not_run "Debian's packages slurm-wlm and munge cannot be had"

if [ -z "${OATS_XTASK:-}" ]; then
  cargo build --release -p xtask
  OATS_XTASK=$PWD/target/release/xtask
fi
export OATS_XTASK

dir=$(mktemp -d)
daemons=()
clean_up() {
  [ "${#daemons[@]}" = 0 ] || scancel --user root 2>/dev/null || true
  for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do
    kill "${daemons[i]}" 2>/dev/null || true
    wait "${daemons[i]}" 2>/dev/null || true
  done
  rm -rf "$dir"
}
trap clean_up EXIT

# A cluster of one node.
mkdir -m 700 "$dir"/{munge,state,spool,parts}
chmod 711 "$dir"
chmod 755 "$dir/munge"
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
head -c 1024 /dev/urandom >"$dir/munge/key"
chmod 400 "$dir/munge/key"
node=$(hostname -s)
export SLURM_CONF=$dir/slurm.conf
cat >"$SLURM_CONF" <<END
ClusterName=oats
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket,cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobRequeue=1
ReturnToService=2
KillWait=5
MinJobAge=3600
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024)) State=UNKNOWN
PartitionName=main Nodes=$node Default=YES MaxTime=INFINITE State=UP
END
munged --foreground --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
  --seed-file="$dir/munge/seed" --log-file="$dir/munge/munged.log" >"$dir/munged.log" 2>&1 &
daemons+=($!)
within() { # seconds, what, condition
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "$what"
    sleep 0.2
  done
}
within 30 "munged does not answer" munge -n --socket="$dir/munge/socket"
slurmctld -D -c >/dev/null 2>&1 &
daemons+=($!)
slurmd -D -c >/dev/null 2>&1 &
daemons+=($!)
idle() { [ "$(sinfo --noheader --format=%t)" = idle ]; }
within 60 "the node does not come up" idle

# The built-in data set, no network, a cache of its own.
options=(--experiments main,s1-convergence,cost,geometry --datasets builtin --seeds 2)
export OATS_CACHE_DIR=$dir/cache
unset OATS_DATA_DIR OATS_MODEL_DIR ORT_DYLIB_PATH
shards=3
export SBATCH_CPUS_PER_TASK=1 SBATCH_MEM_PER_NODE=1G
deploy/slurm/submit.sh "$shards" "$dir/parts" "${options[@]}" | tee "$dir/submitted"
job=$(sed -n 's/^shards: job \([0-9]*\);.*/\1/p' "$dir/submitted")
merge=$(sed -n 's/.* merge: job \([0-9]*\);.*/\1/p' "$dir/submitted")

# Half way: some cells of the first shard are finished, the shard is not.
cells() { find "$dir/parts/shard-1/cells" -name '*.cell' 2>/dev/null | wc -l; }
some_cells() { [ "$(cells)" -ge 5 ]; }
within 300 "the first shard finishes no cells" some_cells
task=$(squeue --noheader --array --jobs="${job}_1" --format=%A)
for pid in $(scontrol listpids "$task" | awk 'NR > 1 && $1 > 1 {print $1}'); do
  case $(readlink "/proc/$pid/exe") in "$dir/parts/xtask"*) killed=$pid ;; esac
done
[ -n "${killed:-}" ] || fail "the first shard's process is not found"
scontrol requeue "${job}_1"
gone() { [ ! -e "/proc/$killed" ]; }
within 60 "the requeued task's process goes on" gone
[ ! -e "$dir/parts/shard-1/shard.json" ] || fail "the first shard was done before it was killed"
kept=$(cells)
echo "shard 1 was killed with $kept cells finished, and requeued"

ended() { [ -z "$(squeue --noheader --jobs="$merge" 2>/dev/null)" ]; }
state() { scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | sort -u | xargs; }
within 1500 "the jobs do not end" ended
code() { scontrol show job "$1" | sed -n 's/.*ExitCode=\([0-9]*\):.*/\1/p'; }
restarts=$(scontrol show job "${job}_1" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p')
[ "$(state "$job")" = COMPLETED ] || fail "shards: $(state "$job")"
[ "$restarts" = 1 ] || fail "shard 1 was started again $restarts times, not once"
grep -q "were finished before" "$dir/parts/shard-1.log" || fail "shard 1 began anew"

set +e
"$OATS_XTASK" reproduce "${options[@]}" --out "$dir/plain" >"$dir/plain.log" 2>&1
expected=$?
set -e
[ "$expected" -le 1 ] || fail "the plain run"
[ "$(code "$merge")" = "$expected" ] || fail "merge ended with $(code "$merge"), the plain run with $expected"
diff -r --exclude=manifest.json --exclude=index.html "$dir/plain" "$dir/parts/merged" || fail "the bytes differ"
files=$(find "$dir/parts/merged" -type f | wc -l)
echo "the merged result of $shards shards is that of one run: $files files, exit code $expected"
