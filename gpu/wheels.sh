#!/usr/bin/env bash
# Fetch what a machine with a GPU but no network lacks, as wheels for Python 3.12 on 64-bit Linux, into gpu/wheels.
#   gpu/wheels.sh           fetch what is missing and print how many wheels there are and how large they are
#   gpu/wheels.sh --check   then install them as gpu/run.sh does and import everything
# CHECK_PYTHON is the Python of the check (default python3.12). It must hold what that machine has: torch, transformers,
# numpy, scipy, pandas, numba, scikit-learn, safetensors, peft, typer, rich, pyyaml and pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
wheels=gpu/wheels
python=${PYTHON:-python3}
# Not torch and what else is there; of demucs' needs only those that are imported before a sound file is read or written.
packages=(
  librosa audioread decorator pooch platformdirs soxr soundfile cffi pycparser
  mir_eval pretty_midi mido importlib_resources pyloudnorm demucs julius
)
platforms=()
for version in 2_34 2_28 2_27 2_24 2_17; do platforms+=(--platform "manylinux_${version}_x86_64"); done
platforms+=(--platform manylinux2014_x86_64 --platform manylinux1_x86_64)

mkdir -p "$wheels"
for package in "${packages[@]}"; do
  pinned=$(grep -i "^$package==" constraints.txt || true)
  wanted=${pinned:-$package}
  version=${wanted#"$package"}
  compgen -G "$wheels/$package-${version#==}*.whl" >/dev/null && continue
  rm -f "$wheels/$package"-*.whl  # pip refuses two versions of one package
  "$python" -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp --abi cp312 \
    --abi abi3 --abi none "${platforms[@]}" -d "$wheels" "$wanted" 2>"$wheels/.log" ||
    "$python" -m pip wheel -q --no-deps -w "$wheels" "$wanted" 2>>"$wheels/.log" || { cat "$wheels/.log"; exit 1; }
done
rm -f "$wheels/.log"
if compgen -G "$wheels/*linux_x86_64.whl" | grep -v manylinux; then
  echo "gpu/wheels.sh: built for this machine alone; look for a release with a wheel" >&2
  exit 1
fi
echo "$(find "$wheels" -name '*.whl' | wc -l) wheels, $(du -cm "$wheels"/*.whl | tail -1 | cut -f1) MB in $wheels"

[ "${1:-}" = --check ] || exit 0
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
check=${CHECK_PYTHON:-python3.12}
"$check" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" "$wheels"/*.whl
PYTHONPATH=$PWD:$site "$check" - <<'PYTHON'
import ast, importlib, pkgutil, sys
from pathlib import Path

import bench

modules = {one.name for one in pkgutil.walk_packages(bench.__path__, "bench.") if not one.name.endswith("__main__")}
for path in Path("bench").rglob("*.py"):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
optional = {"madmom", "museval", "mirdata", "tkinter"}
missing = []
for name in sorted(modules):
    if name.split(".")[0] not in optional:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name}: {error}")
print("\n".join(missing) or f"all {len(modules)} modules that bench imports are there")
sys.exit(bool(missing))
PYTHON
