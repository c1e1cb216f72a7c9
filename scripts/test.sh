#!/usr/bin/env bash
# Every check of the project: makes .venv, installs the dev extra, then style, types, the order of the rooms, tests.
#
#   bash scripts/test.sh                    all checks; the tests without the slow tier
#   bash scripts/test.sh --all              the slow tier too: whole grids, trainings, many kills
#   bash scripts/test.sh tests/nn -k lstm   other arguments go to pytest
#
# A second time it installs nothing. It stops at the first check that fails.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

tier="not slow"
if [ "${1:-}" = --all ]; then
    tier=""
    shift
fi

make_environment
install dev
cd "$root"
# Each worker has a core; with more threads than cores torch would fight itself.
export OMP_NUM_THREADS=1
workers="$("$python" -c 'import os; n = getattr(os, "sched_getaffinity", None)
print(min(8, len(n(0)) if n else os.cpu_count() or 1))')"

step() {
    echo "== $1" >&2
    shift
    "$@"
}

step "ruff check" "$python" -m ruff check .
step "ruff format" "$python" -m ruff format --check .
step "mypy" "$python" -m mypy
step "import order" "$python" -c 'from importlinter.cli import lint_imports_command as run; run()'
step "tests" "$python" -m pytest -q -n "$workers" --dist loadfile -m "$tier" "$@"
echo "all checks passed" >&2
