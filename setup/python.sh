# shellcheck shell=sh
# Which Python, and the virtual environment made with it.

oldest_python='(3, 11)'

# Prints the first Python that is new enough and can make a virtual environment; fails if there is none.
# $PYTHON, when set, is the only candidate. Names are resolved to the program itself: a pyenv shim costs 50 ms a start
# and changes its meaning with the directory it is called in.
find_python() {
    [ -z "${PYTHON:-}" ] || {
        python_program "$PYTHON"
        return
    }
    for candidate in python3 python3.13 python3.12 python3.11 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python3; do
        python_program "$candidate" && return
    done
    return 1
}

# python_program NAME: its full path, if it will do.
python_program() {
    command -v "$1" >/dev/null 2>&1 || return 1
    "$1" -c "
import sys
if sys.version_info < $oldest_python: sys.exit(1)
import ensurepip, venv
print(sys.executable)" 2>/dev/null
}

# Everything the environment's content follows from: the pins, the place (scripts name it) and the interpreter.
venv_key() {
    {
        cat "$root/requirements.lock"
        printf '%s\n' "$venv" "$(readlink -f "$venv/bin/python")"
    } | sha256sum
}

project_key() { sha256sum <"$root/pyproject.toml"; }

# stamped NAME KEY: the environment's step NAME was finished with this KEY.
stamped() { [ -r "$venv/$1" ] && [ "$(cat "$venv/$1")" = "$2" ]; }

# stamp NAME KEY: written beside and moved, so that it is there whole or not at all.
stamp() {
    printf '%s\n' "$2" >"$venv/$1.new"
    mv "$venv/$1.new" "$venv/$1"
}

venv_ready() { [ -x "$venv/bin/python" ] && stamped installed-lock "$(venv_key)"; }

project_ready() { [ -x "$venv/bin/harness" ] && stamped installed-project "$(project_key)"; }

no_python() {
    have=$(python3 -V 2>/dev/null) || have='no python3'
    complain "Python 3.11 or newer with the modules venv and ensurepip is needed; ${PYTHON:-this machine} has: $have"
    fail "install one (a package python3.11-venv or newer, or pyenv), then: make setup PYTHON=/path/to/python3"
}

pip_install() {
    quietly "$venv/bin/python" -m pip install --progress-bar off --no-input --disable-pip-version-check "$@" ||
        fail "pip failed, see above; mend the network or pip's configuration and call again"
}

# A half-made or outdated environment is made anew: what an interrupted pip left behind cannot be told from outside.
make_venv() {
    python=$(find_python) || no_python
    if [ -e "$venv" ]; then
        say "removing the unfinished or outdated virtual environment $venv"
        rm -rf "$venv" || fail "cannot remove $venv; if it belongs to root: sudo rm -rf '$venv'"
    fi
    say "making a virtual environment in .venv with $python ($("$python" -V))"
    quietly "$python" -m venv "$venv" || fail "cannot make $venv, see above"
    say "installing the $(grep -c '^[A-Za-z]' "$root/requirements.lock") packages of requirements.lock with pip"
    pip_install --no-compile -r "$root/requirements.lock"
    # In parallel, which pip does not do. A module that does not compile is its users' to meet.
    "$venv/bin/python" -m compileall -q -j 0 -x '/tests?/' "$venv"/lib/python3*/site-packages >/dev/null 2>&1 || :
    stamp installed-lock "$(venv_key)"
}

install_project() {
    say "installing the harness itself, editable"
    pip_install --no-deps --no-build-isolation -e "$root"
    stamp installed-project "$(project_key)"
}
