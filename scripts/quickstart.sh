#!/usr/bin/env bash
# From a fresh clone to a translator: makes .venv, installs seq2seq with what training needs, runs the demonstration.
#
#   bash scripts/quickstart.sh                        the whole way
#   bash scripts/quickstart.sh --run runs/other       arguments go to `seq2seq demo`
#   PYTHON=python3.12 bash scripts/quickstart.sh      with that interpreter
#
# A second time it installs nothing, and a finished demonstration is scored again without training.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

make_environment
install train
program="$(dirname "$python")/seq2seq"
# Where the script is called from its own folder the path is short, and so is what the demonstration prints at its end.
[ "$PWD" = "$root" ] && program="${program#"$root/"}"
echo "running: $program demo $*" >&2
exec "$program" demo "$@"
