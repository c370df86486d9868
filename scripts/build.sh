#!/usr/bin/env bash
# Configures and builds a CMake preset, quietly: it says what it does, shows progress when it takes long, and prints
# the compiler's output only when it fails. Everything goes to stderr, so that a caller's stdout stays its own.
#
#   scripts/build.sh [--keep] PRESET "CMAKE OPTIONS" [TARGET...]
#
# The folder is configured when it is new, and again when the options differ from those this script used last. With
# --keep a folder that is configured already is used as it is. Without targets everything is built.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
keep=no
if [[ $1 == --keep ]]; then
  keep=yes
  shift
fi
preset=$1
options=$2
shift 2
folder=$root/build/$preset
stamp=$folder/configured_with
jobs=${KVSTORE_BUILD_JOBS:-$(nproc)}
cd "$root"
mkdir -p "$folder"

# Two runs at the same time (two terminals) take turns.
exec 9>"$folder/.lock"
flock 9

log=$folder/build.log

# A tree that was moved or copied has paths in its cache that CMake refuses: begin anew.
if [[ -f $folder/CMakeCache.txt ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt"; then
  rm -rf "$folder/CMakeCache.txt" "$folder/CMakeFiles" "$folder/build.ninja" "$stamp"
fi

previous=$(cat "$stamp" 2>/dev/null || true)
if [[ ! -f $folder/build.ninja ]] || [[ $keep == no && $options != "$previous" ]]; then
  echo "Configuring build/$preset" >&2
  # shellcheck disable=SC2086  # the options are several words
  if ! cmake --preset "$preset" $options >"$log" 2>&1; then
    cat "$log" >&2
    echo "error: cmake could not configure build/$preset" >&2
    exit 1
  fi
  printf '%s' "$options" >"$stamp"
fi

# Prints one of ninja's "[12/340] ..." lines every 20 seconds, and nothing when there is nothing to build (then ninja
# only looks for new files: "[0/2] Re-checking globbed directories...").
progress() {
  local line shown=$((SECONDS - 15))  # the first after five seconds
  while IFS= read -r line; do
    printf '%s\n' "$line" >&3
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\ [^R] ]] && ((SECONDS - shown >= 20)); then
      shown=$SECONDS
      echo "Building build/$preset: step ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}" >&2
    fi
  done
}

targets=()
[[ $# -eq 0 ]] || targets=(--target "$@")
if ! cmake --build "$folder" -j "$jobs" "${targets[@]}" 2>&1 9>&- | progress 3>"$log" 9>&-; then
  grep -v -E '^\[[0-9]+/[0-9]+\] (Building|Linking|Generating|Re-running)' "$log" >&2
  echo "error: build/$preset did not build (whole output: build/$preset/build.log)" >&2
  exit 1
fi
