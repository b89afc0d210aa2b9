#!/usr/bin/env bash
# Everything that needs a GPU, in stages, the most valuable first. Run from a copy of the working tree, on a machine with
# Python, torch and a device; gpu/README.md says what each stage is and what it leaves.
#   OUT         where results go, at most 6 flat files (gpu-out)
#   BUDGET_S    seconds in all (540): a stage that no longer fits is skipped, and none runs past the end
#   STAGES      some of them, in any order (all); they run in the script's order
#   RECIPES     what the stage train trains, side by side; the first makes the songs (mini-codec mini-language sep-mini)
#   WORKERS     processes (as many as there are processors)
#   PYTHON      python3
#   DEVICE=cpu  a rehearsal without a GPU: the same commands at the smallest sizes
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${OUT:=gpu-out}" "${BUDGET_S:=540}" "${DEVICE:=cuda}" "${WORKERS:=$(nproc)}" "${PYTHON:=python3}"
: "${STAGES:=tests large-1 large-8 run mini compiled-1 compiled-8 train}" "${RECIPES:=mini-codec mini-language sep-mini}"

bench() { "$PYTHON" -m bench "$@"; }

left() { echo $((END_S - $(date +%s))); }

# --- the stages, each run by `gpu/run.sh --stage NAME` under a time limit ---

tests() {
  local status=0
  "$PYTHON" -m pytest -q -p no:cacheprovider tests/gpu/test_memory.py -m gpu || status=$?  # measures what is free: alone
  TORCHINDUCTOR_COMPILE_THREADS=2 "$PYTHON" -m pytest -q -p no:cacheprovider tests/gpu -m gpu --durations 5 \
    --ignore tests/gpu/test_memory.py -n "$((WORKERS / 2))" || status=$?
  return $status
}

# generation FILE SHAPE BATCH DTYPE OPTIONS...
generation() {
  local options=(--shape "$2" --batch "$3" --dtype "$4" "${@:5}")
  [ "$DEVICE" = cuda ] || options=(--shape tiny --batch "$3" --dtype float32 --frames 20 --repeats 1)
  "$PYTHON" benchmarks/generation.py --device "$DEVICE" --json "${options[@]}" | tee "$WORK/keep/$1.json"
}

run() {
  local options=()
  [ "$DEVICE" = cuda ] || options=(--limit 1 --model copy-control --model air-mini --model musicgen-continue-mini)
  bench run --task inpaint-drums --device "$DEVICE" --workers "$WORKERS" --out "$WORK/run" "${options[@]}"
}

train() {
  local recipe jobs=()
  bench train "${RECIPES%% *}" --budget gpu-short --device "$DEVICE" --workers "$WORKERS" --out "$WORK/train" --minutes 0 ||
    return
  echo "songs are made; $(left) s left"
  mkdir -p "$WORK/brief" && ln -sfn "$WORK/train/data" "$WORK/brief/data"
  for recipe in $RECIPES; do
    train_one "$recipe" >"$WORK/keep/train-$recipe.log" 2>&1 &
    jobs+=($!)
  done
  wait "${jobs[@]}"
  tail -n 3 "$WORK"/keep/train-*.log
  for recipe in $RECIPES; do compgen -G "$OUT/$recipe.tar.gz" || return 1; done
}

# Time some steps; go on with them where the whole training fits, else take the smaller budget.
train_one() {
  local budget=gpu-short folder=$WORK/train probe
  probe=$(train_for "$1" $budget "$folder" 20) || return
  if ! "$PYTHON" - "$probe" "$(($(left) - 30))" <<'PYTHON'; then
import json, sys
made = json.loads(sys.argv[1])
rate = made["step"] / 20
print(f"{rate:.1f} steps/s; {made['steps'] - made['step']} to go in {sys.argv[2]} s")
sys.exit(made["steps"] - made["step"] > rate * float(sys.argv[2]))
PYTHON
    budget=gpu-brief folder=$WORK/brief
  fi
  train_for "$1" $budget "$folder" "$(($(left) - 20))"
  [ -f "$folder/$1/$1.safetensors" ] && rm -f "$folder/$1/checkpoint.pt"
  tar czf "$OUT/$1.tar.gz" --exclude checkpoint.pt -C "$folder" "$1"
  [ -f "$folder/$1/$1.safetensors" ]
}

train_for() { # RECIPE BUDGET FOLDER SECONDS
  bench train "$1" --budget "$2" --device "$DEVICE" --workers 1 --out "$3" --minutes "$(awk "BEGIN {print $4 / 60}")" --json
}

if [ "${1:-}" = --stage ]; then
  "${@:2}"
  exit
fi

# --- from here on: the one who starts them ---

# stage NAME MOST LEAST COMMAND...: give it at most MOST seconds; skip it where fewer than LEAST are left.
stage() {
  local name=$1 most=$2 least=$3 now status
  case " $STAGES " in *" $name "*) ;; *) return ;; esac
  if [ -n "$lacking" ] || [ "$(left)" -lt "$least" ]; then
    say "skipped: $name: ${lacking:-no time: $(left) s left, it needs $least s}"
    return
  fi
  [ "$most" -lt "$(left)" ] || most=$(left)
  now=$(date +%s)
  echo "== $name, at most $most s" | tee -a "$OUT/log.txt"
  END_S=$((now + most)) timeout -k 5 "$most" bash gpu/run.sh --stage "${@:4}" 2>&1 | tee -a "$OUT/log.txt"
  status=${PIPESTATUS[0]}
  case $status in
    0) status=done ;;
    124 | 137) status="stopped after $most s" ;;
    *) status="exit status $status" ;;
  esac
  say "$(printf '%-10s %4d s  %s' "$name" $(($(date +%s) - now)) "$status")"
  keep
}

say() { echo "$*" | tee -a "$OUT/summary.txt"; }

# What small files there are so far, in one: a stage that is stopped leaves what it has.
keep() {
  if [ -d "$WORK/run" ]; then
    (cd "$WORK/run" && find . -path './results/*' -type f -o -name submission.yaml | tar cf - -T -) | tar xf - -C "$WORK/keep"
  fi
  tar czf "$WORK/kept.tar.gz" -C "$WORK/keep" . && cp "$WORK/kept.tar.gz" "$OUT"
}

mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir "$WORK/keep"
END_S=$(($(date +%s) + BUDGET_S))
rm -f "$OUT/summary.txt" "$OUT/log.txt"
export OUT WORK DEVICE WORKERS PYTHON RECIPES END_S PYTHONUNBUFFERED=1 OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1

lacking=
if [ "$DEVICE" = cuda ]; then
  card=$("$PYTHON" -c 'import torch; print(torch.cuda.get_device_name(), "torch", torch.__version__)' 2>/dev/null) ||
    lacking="no CUDA device"
  say "${card:-no CUDA device}; $(nvidia-smi --query-gpu=memory.total,driver_version --format=csv,noheader 2>/dev/null)"
fi
if [ -z "$lacking" ] && compgen -G "gpu/wheels/*.whl" >/dev/null; then
  "$PYTHON" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$WORK/site" \
    gpu/wheels/*.whl || say "the wheels could not be installed"
fi
if [ "$DEVICE" = cpu ]; then # smallest budgets, in a copy
  mkdir "$WORK/tree" && cp -r bench benchmarks data_manifests gpu leaderboard pyproject.toml recipes tasks tests weights "$WORK/tree"
  cd "$WORK/tree" || exit
  sed -i -E 's/^  (gpu-(short|brief)): .*/  \1: {steps: 4, batch: 2, width: 32, depth: 1, train: synthetic-train-2, validation: synthetic-validation-2}/' \
    recipes/mini-codec.yaml recipes/mini-language.yaml recipes/sep-mini.yaml
fi
export PYTHONPATH=$PWD:$WORK/site

stage tests 120 20 tests
stage large-1 90 40 generation large-1 large 1 bfloat16 --repeats 1
stage large-8 100 40 generation large-8 large 8 bfloat16 --repeats 1 --frames 60
stage run 240 60 run
stage mini 60 30 generation mini mini 1 float32 --repeats 2
stage compiled-1 110 60 generation compiled-1 large 1 bfloat16 --repeats 1 --compile
stage compiled-8 110 60 generation compiled-8 large 8 bfloat16 --repeats 1 --frames 60 --compile
stage train 600 220 train
echo
cat "$OUT/summary.txt"
