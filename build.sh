#!/bin/sh
# Builds, tests and shows DockerNetHarden: ./build.sh [build|test|demo|engines|cli|clean]
# The last line of `test` is always "N passed, N failed, N skipped"; its exit code is 0 only if nothing failed.
set -eu
cd "$(dirname "$0")"
# Debian keeps dockerd, iptables and debootstrap in sbin, which is not on everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin

configuration=Release
results=out/test-results
tools=out/tools
pwsh_version=7.6.9
pester_version=6.2.0

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off
# Compilers, test hosts and labs live for seconds or minutes: start fast rather than run fast, and leave cores to the others that run.
export DOTNET_TieredPGO=0 DOTNET_gcServer=0
if [ "${CI:-}" = true ]; then
    # A build agent waits for every process that holds its output open, so leave no build server behind.
    export MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false NO_COLOR=1
fi

# shellcheck source=src/DockerNetHarden.Lab/Engines/engines.sh
. src/DockerNetHarden.Lab/Engines/engines.sh

say() { printf '%s\n' "$*"; }
loud() { printf '\n*** %s ***\n\n' "$*" >&2; }
fail() { printf 'build.sh: %s\n' "$*" >&2; exit 2; }
has() { command -v "$1" >/dev/null 2>&1; }

need_dotnet() {
    has dotnet || fail "there is no dotnet on the PATH. Install the .NET SDK 10 or later: https://dotnet.microsoft.com/download"
    # C# 14 comes with the SDK; the result runs on .NET 8 and later.
    dotnet --list-sdks | grep -Eq '^[1-9][0-9]+\.' ||
        fail "the .NET SDK is too old ($(dotnet --version 2>/dev/null || echo none)); this builds with 10 or later."
}

# The packages whose commands the lab needs (src/DockerNetHarden.Lab: LabHost.WhyUnavailable, LabSsh.WhyUnavailable, LabUser.Usual's login shells) and that are
# missing.
missing_packages() {
    has dockerd || printf ' docker.io'
    { has iptables-nft && has iptables-legacy; } || printf ' iptables'
    has ip || printf ' iproute2'
    { has nsenter && has setsid && has unshare; } || printf ' util-linux'
    has sshd || printf ' openssh-server'
    has ipset || printf ' ipset'
    # Firewalls that remove foreign rules. An installed firewalld starts at the machine's next boot, so install it only on a throwaway machine.
    if [ "${CI:-}" = true ]; then
        has ufw || printf ' ufw'
        { has firewall-cmd && has dbus-daemon; } || printf ' firewalld dbus-daemon'
    fi
    { has ssh && has ssh-keygen; } || printf ' openssh-client'
    for program in busybox sudo csh fish zsh; do
        has "$program" || printf ' %s' "$program"
    done
    # Exports are applied by their own engines.
    has nft || printf ' nftables'
    has ansible-playbook || printf ' ansible-core'
    # On somebody's own machine its package would act at the next boot; a build agent has no next boot.
    [ "${CI:-}" != true ] || has cloud-init || printf ' cloud-init'
}

# Installs the named packages, as root on Debian and its like. Elsewhere the tests that need them skip and say so.
install_packages() {
    packages=$*
    [ -n "$packages" ] || return 0
    if [ "$(id -u)" != 0 ] || ! has apt-get; then
        loud "NOT INSTALLED:$packages. The tests on a real kernel will be skipped. Install them, and run this as root"
        return 0
    fi
    say "Installing$packages"
    # Packages start their services when they are installed. Docker's must not start: it would write this machine's firewall.
    policy=/usr/sbin/policy-rc.d
    ours=
    if [ ! -e "$policy" ] && (set -C; printf '#!/bin/sh\nexit 101\n' >"$policy") 2>/dev/null; then
        ours=$policy
        trap 'rm -f "$ours"' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        chmod 755 "$policy"
    fi
    # shellcheck disable=SC2086 # The packages are words.
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages; } </dev/null >out/apt.log 2>&1 ||
        loud "apt-get COULD NOT INSTALL$packages (see out/apt.log). The tests on a real kernel will be skipped"
    [ -z "$ours" ] || rm -f "$ours"
    trap - EXIT INT TERM
}

# What starts a .NET tool looks for dotnet where packages install it; the dotnet on the PATH may be elsewhere.
set_dotnet_root() {
    [ -z "${DOTNET_ROOT:-}" ] && has dotnet || return 0
    root=$(dirname "$(readlink -f "$(command -v dotnet)")")
    [ ! -d "$root/host/fxr" ] || export DOTNET_ROOT="$root"
}

# pwsh from the PATH, otherwise as a .NET tool; empty if neither works (without a network, for example). Without a version the installer picks one that it cannot install.
find_pwsh() {
    if has pwsh; then
        command -v pwsh
        return 0
    fi
    if [ ! -d "$tools/.store/powershell/$pwsh_version" ]; then
        # Otherwise a different version would stay.
        rm -rf "$tools/.store" "$tools/pwsh"
        dotnet tool install PowerShell --version "$pwsh_version" --tool-path "$tools" </dev/null >out/pwsh-install.log 2>&1 || :
    fi
    if [ -x "$tools/pwsh" ] && "$tools/pwsh" -NoLogo -NoProfile -NonInteractive -Command 'exit 0' </dev/null >/dev/null 2>&1; then
        printf '%s\n' "$PWD/$tools/pwsh"
    fi
}

# A Pester that pwsh ($1) finds, otherwise one from NuGet in out/tools/Modules; false if neither works. In the package the module is in the folder tools.
find_pester() {
    # Last, so that an installed one comes first.
    PSModulePath=${PSModulePath:+$PSModulePath:}$PWD/$tools/Modules
    export PSModulePath
    ! has_pester "$1" || return 0
    packages=$tools/packages module=$tools/Modules/Pester/$pester_version
    dotnet package download "Pester@$pester_version" --output "$packages" </dev/null >out/pester-install.log 2>&1 || return 1
    rm -rf "$module"
    mkdir -p "$tools/Modules/Pester"
    mv "$packages/pester/$pester_version/tools" "$module"
    rm -rf "$packages"
    has_pester "$1"
}

has_pester() {
    "$1" -NoLogo -NoProfile -NonInteractive -Command '
        exit [int](-not (Get-Module Pester -ListAvailable | Where-Object Version -GE 5.5.0))' </dev/null >/dev/null 2>&1
}

# shellcheck source=tests/results.sh
. tests/results.sh

# Runs one xunit project and adds its counts. A crashed or hanging test host, a missing result file and a run without tests are failures.
run_xunit() {
    name=$1
    say "== $name"
    code=0
    dotnet test "tests/$name" -c "$configuration" --no-build --results-directory "$results" --logger "trx;LogFileName=$name.trx" \
        --blame-hang --blame-hang-timeout 5min --blame-hang-dump-type none </dev/null || code=$?
    line=$(grep -o '<Counters [^>]*' "$results/$name.trx" 2>/dev/null | head -n 1) || :
    total=$(counter "$line" total) executed=$(counter "$line" executed) good=$(counter "$line" passed)
    bad=$((executed - good))
    if [ "$total" -eq 0 ]; then
        loud "$name RAN NO TEST"
        bad=$((bad + 1))
    elif [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
        loud "$name ENDED WITH EXIT CODE $code THOUGH NO TEST FAILED: the test host crashed or hung"
        bad=1
    fi
    if [ "$total" -gt 0 ] && passes_again "$name" "$bad"; then
        good=$((good + bad)) bad=0
    fi
    say "$name: $good passed, $bad failed, $((total - executed)) skipped"
    [ "$bad" -eq 0 ] || name_failures "$results/$name.trx"
    add "$good" "$bad" $((total - executed))
}

# Runs the Pester suite on the staged module and adds the counts of its last line.
run_pester() {
    say "== Pester"
    code=0
    # A build agent has twenty minutes for everything; a pwsh that hangs must not use them up.
    patience=
    ! has timeout || patience='timeout -k 10 900'
    # shellcheck disable=SC2086 # A command and its arguments.
    DNH_MODULE=$(staged)/DockerNetHarden.psd1 $patience "$1" -NoLogo -NoProfile -NonInteractive -File tests/Pester/Invoke-Tests.ps1 </dev/null >"$results/pester.log" 2>&1 || code=$?
    cat "$results/pester.log"
    line=$(sed -n 's/^Pester: \([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed, \([0-9][0-9]*\) skipped.*$/\1 \2 \3/p' "$results/pester.log" | tail -n 1)
    # shellcheck disable=SC2086 # Three numbers.
    set -- ${line:-0 0 0}
    bad=$2
    if [ $(($1 + $2 + $3)) -eq 0 ]; then
        loud "PESTER RAN NO TEST (exit code $code)"
        bad=1
    elif [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
        loud "PESTER ENDED WITH EXIT CODE $code THOUGH NO TEST FAILED"
        bad=1
    fi
    [ "$bad" -eq 0 ] || failures="$failures$(sed -n 's/^ *\[-\]/FAILED:/p' "$results/pester.log")
"
    add "$1" "$bad" "$3"
}

version() { sed -n "s/^ *ModuleVersion *= *'\([0-9.]*\)'.*/\1/p" DockerNetHarden.psd1; }
staged() { printf '%s\n' "$PWD/out/DockerNetHarden/$(version)"; }

# If no build server may stay behind: a compiler server of this checkout alone, which ends with the build. Without one, each project would compile its analyzers again.
compiler=
own_compiler() {
    [ "${UseSharedCompilation:-}" = false ] || return 0
    sdk=$(dotnet --version) || return 0
    compiler=$(dotnet --list-sdks | sed -n "s/^$sdk \[\(.*\)\]\$/\1/p")/$sdk/Roslyn/bincore/VBCSCompiler.dll
    pipe=dnh-$(pwd | cksum | cut -d ' ' -f 1)
    [ -f "$compiler" ] || compiler=
}

# It ends its own compilers, then itself. Left idle, it would do so only after ten minutes.
end_compiler() {
    [ -n "$compiler" ] || return 0
    patience=
    ! has timeout || patience='timeout -k 5 30'
    # shellcheck disable=SC2086 # A command and its arguments.
    $patience dotnet "$compiler" "-pipename:$pipe" -shutdown </dev/null >/dev/null 2>&1 || :
}

# Native code for this platform: docs/decisions/0011. Its compiler is a package of its own; the module is complete without it.
ready() { dotnet publish src/DockerNetHarden.Ready -c "$configuration" -v q </dev/null || loud "THE MODULE HAS NO NATIVE CODE: its first command is slower"; }
# Builds the given projects or solutions; the module's own project stages it.
build() {
    need_dotnet
    mkdir -p out
    own_compiler
    for project; do
        # shellcheck disable=SC2086 # Nothing or two arguments.
        dotnet build "$project" -c "$configuration" -v q ${compiler:+-p:UseSharedCompilation=true -p:SharedCompilationId="$pipe"} </dev/null || {
            end_compiler
            fail "dotnet build failed; see the errors above."
        }
    done
    end_compiler
    [ -f "$(staged)/DockerNetHarden.psd1" ] || fail "the build did not stage the module in $(staged)."
    say "Staged $(staged)"
}

run_tests() {
    mkdir -p out
    # shellcheck disable=SC2046 # The packages are words.
    install_packages $(missing_packages) $(has chromium || has chromium-browser || has google-chrome || echo chromium)
    rm -rf "$results"
    mkdir -p "$results"
    # Without a build there is nothing to test: a failure like any other.
    if (build DockerNetHarden.sln && ready); then
        for project in Core.Tests Tests Cli.Tests Benchmarks.Tests Browser.Tests Lab.Tests; do run_xunit "DockerNetHarden.$project"; done
        report_engines
        set_dotnet_root
        pwsh=$(find_pwsh)
        if [ -z "$pwsh" ]; then
            loud "THE PESTER SUITE DID NOT RUN: there is no pwsh on the PATH, and 'dotnet tool install PowerShell' failed (see out/pwsh-install.log)"
        elif ! find_pester "$pwsh"; then
            loud "THE PESTER SUITE DID NOT RUN: pwsh has no Pester 5.5 or later, and 'dotnet package download Pester' failed (see out/pester-install.log)"
        else
            run_pester "$pwsh"
        fi
    else
        loud "THE BUILD FAILED"
        add 0 1 0
    fi
    [ -z "$failures" ] || printf '\n%s\n' "$failures"
    say "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

demo() {
    mkdir -p out
    # shellcheck disable=SC2046 # The packages are words.
    install_packages $(missing_packages)
    # Without the test projects: somebody is waiting to see the demo.
    build src/DockerNetHarden src/DockerNetHarden.Lab
    set_dotnet_root
    pwsh=$(find_pwsh)
    if [ -n "$pwsh" ]; then
        PATH=$(dirname "$pwsh"):$PATH
    else
        loud "THERE IS NO pwsh: the demo hardens through the core, not through the cmdlets"
    fi
    exec dotnet "src/DockerNetHarden.Lab/bin/$configuration/net8.0/dnh-lab.dll" demo --module "$(staged)"
}

# One native file for hosts without .NET and PowerShell. It needs a C compiler's linker and zlib.
cli() {
    need_dotnet
    has cc || has gcc || has clang || fail "native code needs a C compiler to link with: install gcc and zlib1g-dev (Debian), or gcc and zlib-devel (Fedora)."
    case $(uname -m) in
        x86_64) runtime=linux-x64 ;;
        aarch64) runtime=linux-arm64 ;;
        *) fail "native code is built for x86_64 and aarch64, and this machine is $(uname -m)." ;;
    esac
    dotnet publish src/DockerNetHarden.Cli -c "$configuration" -r "$runtime" -p:PublishAot=true -o out/cli -v q </dev/null || fail "dotnet publish failed; see the errors above."
    say "Built $PWD/out/cli/docker-net-harden"
}

clean() {
    remove_engines
    rm -rf out TestResults src/*/bin src/*/obj tests/*/bin tests/*/obj benchmarks/*/bin benchmarks/*/obj
}

case "${1:-build}" in
    build) build DockerNetHarden.sln && ready ;;
    test) run_tests ;;
    demo) demo ;;
    engines) prepare_engines ;;
    cli) cli ;;
    clean) clean ;;
    *) fail "'$1' is not a task; the tasks are build, test, demo, engines, cli and clean." ;;
esac
