# shellcheck shell=sh
# Distribution packages: which are missing, and installing them.

# Debian leaves these out of an ordinary user's PATH, though the programs may be looked for there.
PATH=$PATH:${HARNESS_SYSTEM_PATH:-/usr/local/sbin:/usr/sbin:/sbin}

# Most exact first, as packages.txt names it: "ubuntu-22.04 ubuntu". Debian's testing has no VERSION_ID.
# shellcheck disable=SC1090
distribution=$(. "${HARNESS_OS_RELEASE:-/etc/os-release}" 2>/dev/null && echo "$ID-${VERSION_ID:-} $ID")

have() { command -v "$1" >/dev/null 2>&1; }

# present CHECK: the checks of packages.txt.
present() {
    case $1 in
    command:*) have "${1#command:}" ;;
    file:*) [ -e "${1#file:}" ] ;;
    engine) engine_present ;;
    python) venv_ready || find_python >/dev/null </dev/null ;;
    dockerd:*) have "${1#dockerd:}" || foreign_engine ;;
    apparmor)
        [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || have apparmor_parser || foreign_engine
        ;;
    uidmap) [ "$(id -u)" -eq 0 ] || have newuidmap ;;
    *) fail "$packages_file: unknown check '$1'" ;;
    esac
}

# Prints PACKAGE as this distribution calls it: the first line of `renamed` that names it, or its own name.
local_name() {
    name=$(echo "$renamed" | sed -n "/^$1[[:space:]]*=/{s/^[^=]*=[[:space:]]*//p;q;}")
    echo "${name:-$1}"
}

begun_by_dpkg() {
    for name in $1; do
        case $begun in *" $name "*) return 0 ;; esac
    done
    return 1
}

# Prints the missing packages, one line. One that dpkg has begun and not finished is missing too, whatever commands
# it has already put in place.
missing_packages() {
    renamed=$(for system in $distribution; do sed -n "s/^@$system[[:space:]]*//p" "$packages_file"; done)
    listed=$(sed -n 's/^\([a-z][^[:space:]]*\).*/\1/p; s/^@.*=//p' "$packages_file")
    # shellcheck disable=SC2086
    begun=$(dpkg-query -W -f ' ${Package} ${Status} \n' $listed 2>/dev/null |
        grep -E ' (half-installed|half-configured|unpacked|triggers-awaited|triggers-pending) $')
    missing=
    while read -r package check _; do
        case $package in '' | '#'* | @*) continue ;; esac
        names=$package
        [ -z "$renamed" ] || names=$(local_name "$package")
        if ! present "$check" || begun_by_dpkg "$names"; then missing="$missing $names"; fi
    done <"$packages_file"
    echo "${missing# }"
}

apt_get() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"; }

# The lists are missing, or were last renewed more than a day ago.
lists_old() {
    lists=${HARNESS_APT_LISTS:-/var/lib/apt/lists}
    ! ls "$lists"/*_Packages* >/dev/null 2>&1 || [ -n "$(find "$lists" -maxdepth 0 -mtime +0)" ]
}

# A failure is not the end: the lists at hand may do, and if not, the installation says so.
renew_lists() {
    say "renewing apt's package lists"
    quietly apt_get update || complain "apt-get update failed, see above; going on with the lists at hand"
    renewed=yes
}

# dpkg refuses all work after it was killed, until this is done.
finish_interrupted_dpkg() {
    updates=${HARNESS_DPKG_DIR:-/var/lib/dpkg}/updates
    [ -n "$(dpkg --audit 2>/dev/null)" ] || [ -n "$(ls "$updates" 2>/dev/null)" ] || return 0
    say "finishing an interrupted installation: dpkg --configure -a"
    # shellcheck disable=SC2086
    quietly $as_root env DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --configure -a ||
        quietly apt_get -f install || complain "dpkg could not finish it, see above; going on"
}

# Sets as_root to what runs a command as root; fails if nothing does. A password is asked for on a terminal only.
gain_root() {
    as_root=
    [ "$(id -u)" -ne 0 ] || return 0
    have sudo || return 1
    as_root=sudo
    ! sudo -n true 2>/dev/null || return 0
    [ -t 0 ] && [ -t 2 ] && say "sudo is needed to install: $*" && sudo -v
}

# install_packages NAMES: one line of names, as missing_packages prints it.
install_packages() {
    command_line="apt-get install --no-install-recommends $*"
    have apt-get || fail "missing: $*; this is not a Debian or Ubuntu, install what it calls them and call again"
    gain_root "$@" || {
        complain "these packages are missing and there are no rights to install them: $*"
        fail "as root run: $command_line"
    }
    finish_interrupted_dpkg
    renewed=no
    ! lists_old || renew_lists
    say "installing the distribution's packages: $*"
    quietly apt_get install --no-install-recommends "$@" && return
    [ "$renewed" = no ] && renew_lists && quietly apt_get install --no-install-recommends "$@" && return
    case $distribution in
    ubuntu*) complain "on Ubuntu most of them are in 'universe': add-apt-repository universe" ;;
    esac
    fail "apt-get could not install: $*; see above, mend it and call again, or run: $command_line"
}
