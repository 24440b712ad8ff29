# shellcheck shell=sh disable=SC2154
# Sourced by build.sh. It uses build.sh's say, loud, fail, has and install_packages, and $results, the folder of the tests' results.

# Where the lab looks for engines (LabEngine).
engines=${DNH_LAB_ENGINES:-out/engines}

# The Debian suites whose engines the lab runs beside this machine's (LabEngine.All), and what each must contain.
engine_suites='trixie sid'
engine_packages=systemd,systemd-sysv,dbus,docker.io,docker-cli,iptables,nftables,iproute2,ipset,conntrack,netcat-openbsd,curl,busybox-static,openssh-server,sudo,procps,kmod

# The upstream version of package $2 in the engine $1.
engine_version() {
    dpkg-query --admindir="$engines/$1/var/lib/dpkg" -W -f '${Version}' "$2" 2>/dev/null | sed 's/^[0-9]*://; s/[-+].*//'
}

engine_line() {
    printf '%s: Docker %s, iptables %s, nft %s' "$1" "$(engine_version "$1" docker.io)" "$(engine_version "$1" iptables)" "$(engine_version "$1" nftables)"
}

# Makes a Debian in a folder, which gets its final name only when it is complete.
make_engine() {
    new=$engines/$1.new
    remove_engine "$1.new"
    if debootstrap --variant=minbase --include="$engine_packages" "$1" "$new" </dev/null >"$engines/$1.log" 2>&1; then
        rm -rf "$new"/var/cache/apt/archives/*.deb "$new"/var/lib/apt/lists/*
        mv "$new" "$engines/$1"
    else
        loud "THE ENGINE OF $1 WAS NOT MADE (see $engines/$1.log): $(tail -n 1 "$engines/$1.log"). Its tests will be skipped"
        remove_engine "$1.new"
        return 1
    fi
}

# debootstrap mounts /proc and /sys while it works, and leaves them mounted if it is cut short.
remove_engine() {
    for mounted in proc sys; do
        umount -l "$engines/$1/$mounted" 2>/dev/null || :
    done
    rm -rf --one-file-system "${engines:?}/$1"
}

# Removes all engines that were made in this checkout. A folder that the caller named belongs to the caller.
remove_engines() {
    engines=out/engines
    for engine in "$engines"/*/; do
        [ ! -d "$engine" ] || remove_engine "$(basename "$engine")"
    done
}

# Prepares the missing engines, side by side. Fails if one could not be made; the others are still used.
prepare_engines() {
    mkdir -p "$engines"
    missing=
    for suite in $engine_suites; do
        [ -d "$engines/$suite" ] || missing="$missing $suite"
    done
    if [ -n "$missing" ]; then
        has debootstrap || install_packages debootstrap
        if [ "$(id -u)" != 0 ] || ! has debootstrap; then
            fail "engines are made with debootstrap, as root: install the package debootstrap, and run this as root."
        fi
        say "Preparing the engines of$missing"
        jobs=
        for suite in $missing; do
            make_engine "$suite" &
            jobs="$jobs $!"
        done
        code=0
        for job in $jobs; do
            wait "$job" || code=1
        done
    fi
    for suite in $engine_suites; do
        [ ! -d "$engines/$suite" ] || say "$(engine_line "$suite")"
    done
    return "${code:-0}"
}

# Which engines the lab's tests ran on: the name of such a test ends with its engine in brackets (LabTestCase).
report_engines() {
    [ -f "$results/DockerNetHarden.Lab.Tests.trx" ] || return 0
    for suite in $engine_suites; do
        if [ -d "$engines/$suite" ]; then
            say "$(engine_line "$suite")"
        else
            loud "THE ENGINE OF $suite WAS NOT TESTED: ./build.sh engines makes it"
        fi
    done
    sed -n 's/.*<UnitTestResult .*testName="[^"]*\[\(Docker [^]]*\)\]".* outcome="\([A-Za-z]*\)".*/\1|\2/p' "$results/DockerNetHarden.Lab.Tests.trx" | sort | uniq -c |
        while read -r count rest; do
            say "On ${rest%|*}: $count $(printf %s "${rest##*|}" | tr '[:upper:]' '[:lower:]')"
        done
}
