#!/usr/bin/env bash
# Counts the instructions of every budgeted run again and commits nothing: tests/budget/budgets.json gets the new
# figures, and what changed is printed.
set -euo pipefail

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
scripts/build.sh --keep release "-DKVSTORE_BUILD_TESTS=ON -DKVSTORE_BUILD_BENCHMARKS=ON" budget_runs
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
PYTHONPATH=tests/e2e /usr/bin/python3 tests/budget/counting.py >"$fresh"
diff -u tests/budget/budgets.json "$fresh" || true
cat "$fresh" >tests/budget/budgets.json
