#!/usr/bin/env bash
# Format and lint of the C++ files.
#
#   scripts/lint.sh format            clang-format of every file; changes nothing, fails on a difference
#   scripts/lint.sh tidy [all]        clang-tidy of what changed (scripts/changed_files.sh), or of everything
#
# clang-tidy takes seconds a file. KVSTORE_LINT_SECONDS (default 480) bounds the whole; the files that it did not get
# to are named at the end, and those it did get to decide the outcome.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

check_format() {
  git ls-files -z --cached --others --exclude-standard -- '*.cc' '*.h' |
    xargs -0 clang-format --dry-run -Werror
  echo "format: ok"
}

# clang-tidy reads translation units: a changed header is checked through the .cc of its name, or else through the
# first file that includes it.
translation_units() {
  local file name
  while read -r file; do
    case "$file" in
      *.cc) echo "$file" ;;
      *.h)
        name=${file#src/}
        name=${name#include/}
        name=${name#benchmarks/}
        if [[ -f ${file%.h}.cc ]]; then
          echo "${file%.h}.cc"
        else
          git grep --untracked -l -F "#include \"$name\"" -- '*.cc' | head -n 1
        fi
        ;;
    esac
  done | sort -u
}

# Only files that the build knows have flags; examples and fuzz targets that it leaves out have none.
known_to_the_build() {
  local file
  while read -r file; do
    if grep -qF "\"file\": \"$root/$file\"" build/lint/compile_commands.json; then echo "$file"; fi
  done
}

tidy_one() {
  if clang-tidy --quiet -p build/lint "$1" 2>/dev/null; then echo "$1" >>"$TIDY_PASSED"; else echo "$1" >>"$TIDY_FAILED"; fi
}

check_tidy() {
  local began=$SECONDS limit=${KVSTORE_LINT_SECONDS:-480} work
  work=$(mktemp -d)
  export TIDY_PASSED=$work/passed TIDY_FAILED=$work/failed
  touch "$TIDY_PASSED" "$TIDY_FAILED"
  export -f tidy_one
  # Configures only: the target prints a list.
  scripts/build.sh lint "" help
  if [[ $1 == all ]]; then git ls-files -- '*.cc'; else scripts/changed_files.sh; fi |
    translation_units | known_to_the_build >"$work/units"
  echo "clang-tidy: $(wc -l <"$work/units") files"
  # shellcheck disable=SC2016  # expanded by the inner shell
  timeout "$limit" xargs -a "$work/units" -r -d '\n' -n 1 -P "$(nproc)" bash -c 'tidy_one "$1"' tidy || true
  cat "$TIDY_PASSED" "$TIDY_FAILED" | sort >"$work/reached"
  comm -23 "$work/units" "$work/reached" | sed 's/^/clang-tidy: no time left for /'
  sed 's/^/clang-tidy: findings in /' "$TIDY_FAILED"
  echo "clang-tidy: $(wc -l <"$TIDY_PASSED") clean, $(wc -l <"$TIDY_FAILED") with findings, $((SECONDS - began)) s"
  local outcome=0
  [[ ! -s $TIDY_FAILED ]] || outcome=1
  rm -rf "$work"
  return $outcome
}

case "${1:-}" in
  format) check_format ;;
  tidy) check_tidy "${2:-changed}" ;;
  *)
    sed -n '2,/^set/p' "$0" | sed -e '/^set/d' -e 's/^# \{0,1\}//' >&2
    exit 2
    ;;
esac
