# shellcheck shell=sh
# What set-up tells the user: steps, their times, and a failed command's whole output.

say() { printf 'set-up: %s\n' "$*"; }

complain() { printf 'set-up: %s\n' "$*" >&2; }

# fail MESSAGE...: the machine lacks something (exit 3, as harness does for it).
fail() {
    complain "$@"
    exit 3
}

# heartbeat LOG PID: every 10 s the time so far and the last line of LOG (no warning), until LOG or process PID is gone. A kill may
# be lost on a shell that has only just been forked, so that is not relied upon.
heartbeat() {
    seconds=0
    while sleep 1 >/dev/null 2>&1 && [ -e "$1" ] && kill -0 "$2" 2>/dev/null; do
        seconds=$((seconds + 1))
        [ $((seconds % 10)) -ne 0 ] || say "  $seconds s: $(grep -v '^WARNING' "$1" | tail -n 1 | tr -cd '[:print:]' | cut -c 1-100)"
    done
}

# quietly COMMAND...: runs it in the foreground (so that Ctrl-C reaches it) with its output kept back. The output is
# shown whole if the command fails. Returns the command's status.
quietly() {
    log=$(mktemp) || return 3
    heartbeat "$log" $$ 9<&- &
    pulse=$!
    trap 'rm -f "$log"; kill "$pulse" 2>/dev/null' EXIT
    status=0
    # Without the lock (prepare's descriptor 9): a daemon that an installation starts would keep it for ever.
    "$@" >"$log" 2>&1 </dev/null 9<&- || status=$?
    [ "$status" -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    kill "$pulse" 2>/dev/null
    trap - EXIT
    return "$status"
}
