# Sourced by the scripts beside it: one virtual environment in .venv, installed into only when something changed.
# pip's own settings (environment variables, pip.conf) are left alone: where packages come from is the user's business.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"

# Makes .venv with $PYTHON (python3 where that is not set), unless a whole one of that version is there.
make_environment() {
    local chosen="${PYTHON:-python3}"
    if [ -n "${PYTHON:-}" ]; then require_python "$chosen"; fi
    find_python
    if whole && { [ -z "${PYTHON:-}" ] || [ "$(version_of "$chosen")" = "$(version_of "$python")" ]; }; then
        require_python "$python"
        return
    fi
    require_python "$chosen"
    echo "making a virtual environment in $venv with Python $(version_of "$chosen") ..." >&2
    "$chosen" -m venv --clear "$venv"
    find_python
}

find_python() {
    python="$venv/bin/python"
    if [ -d "$venv/Scripts" ]; then python="$venv/Scripts/python.exe"; fi # Windows
}

# An environment whose making was interrupted has a Python and no pip.
whole() {
    [ -x "$python" ] && "$python" -c 'import pip' 2> /dev/null
}

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

require_python() {
    if ! command -v "$1" > /dev/null; then
        echo "error: there is no $1 here. Install Python 3.11 or newer, or say where it is: PYTHON=/path/to/python3" >&2
        exit 2
    fi
    if ! "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "error: $1 is Python $(version_of "$1"), and 3.11 or newer is needed: PYTHON=python3.11 bash $0" >&2
        exit 2
    fi
}

# install EXTRA: the package from this folder with that extra, unless exactly that was installed before. The install is
# editable, so the code that runs is the code in this folder, and only a change of what it depends on costs time.
install() {
    local extra="$1" stamp="$venv/.installed-$1" wanted
    # The folder's own path counts too: after a move the commands in the environment would still point to the old place.
    wanted="$(printf '%s\n' "$root" | cat - "$root/pyproject.toml" "$root/constraints.txt" | cksum)"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    echo "installing seq2seq[$extra] into $venv (the first time this fetches PyTorch, which can be gigabytes) ..." >&2
    rm -f "$stamp"
    # From inside the folder, because pip takes what stands before "[" for a path and a path may hold anything.
    (cd "$root" && "$python" -m pip install --disable-pip-version-check -q -c constraints.txt -e ".[$extra]")
    printf '%s\n' "$wanted" > "$stamp"
}
