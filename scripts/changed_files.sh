#!/usr/bin/env bash
# Prints the C++ files that the work at hand changed, one a line: against origin/main on a branch, against the parent
# commit on main itself, and all of them when there is no parent (a new or shallow clone). Uncommitted ones count too.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
head=$(git rev-parse HEAD)
base=$(git merge-base origin/main HEAD 2>/dev/null || true)
if [[ -z $base || $base == "$head" ]]; then
  base=$(git rev-parse --verify --quiet HEAD~1 || git hash-object -t tree /dev/null)
fi
{
  git diff --name-only --diff-filter=d "$base" -- '*.cc' '*.h'
  git ls-files --others --exclude-standard -- '*.cc' '*.h'
} | sort -u
