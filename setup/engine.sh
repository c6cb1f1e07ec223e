# shellcheck shell=sh
# The container engine: whether there is one, and whether this user may speak to it.

docker_socket=${HARNESS_DOCKER_SOCKET:-/var/run/docker.sock}

# Docker's client alone is no engine. A socket is one even without a program beside it: it may be another machine's.
engine_present() { command -v dockerd >/dev/null 2>&1 || foreign_engine; }

# An engine other than a dockerd that is, or would be, started on this machine.
foreign_engine() {
    ! command -v dockerd >/dev/null 2>&1 || return 1
    [ -n "${DOCKER_HOST:-}" ] || [ -S "$docker_socket" ] ||
        [ -S /run/podman/podman.sock ] || [ -S "${XDG_RUNTIME_DIR:-/nonexistent}/docker.sock" ] ||
        [ -S "${XDG_RUNTIME_DIR:-/nonexistent}/podman/podman.sock" ]
}

docker_member() { getent group docker | awk -F : '{ print "," $4 "," }' | grep -q ",$(id -un),"; }

# False only where set-up can mend it: Docker's socket is closed to this user, who has sudo without a password and is
# not in the socket's group.
engine_allowed() {
    [ "$(id -u)" -eq 0 ] || [ -n "${DOCKER_HOST:-}" ] || [ ! -S "$docker_socket" ] || [ -w "$docker_socket" ] ||
        docker_member || ! getent group docker >/dev/null || ! sudo -n true 2>/dev/null
}

# The group gives as much as sudo does, so a user with sudo gains nothing new by it.
allow_engine() {
    say "adding $(id -un) to the group docker, for access to the engine (undo: gpasswd -d $(id -un) docker)"
    quietly sudo -n usermod -aG docker "$(id -un)" || complain "could not; run this as root instead"
}

# engine_exec COMMAND...: becomes COMMAND, with the group docker if this login began before the user was put in it.
engine_exec() {
    if [ "$(id -u)" -eq 0 ] || [ ! -S "$docker_socket" ] || [ -w "$docker_socket" ] || ! docker_member; then
        exec "$@"
    fi
    quoted=
    for word; do
        quoted="$quoted '$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'"
    done
    exec sg docker -c "exec $quoted"
}
