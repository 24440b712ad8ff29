#!/bin/sh
# Makes the pictures of README.md and docs from real hosts of the lab: docs/pictures/make.sh, as root, after ./build.sh build.
# It needs Docker, pwsh (on the PATH, or out/tools/pwsh, which ./build.sh test installs), script(1) and, for the report, Chromium.
set -eu
unset NO_COLOR
cd "$(dirname "$0")/../.."
root=$PWD
pictures=$root/docs/pictures
lab="dotnet $root/src/DockerNetHarden.Lab/bin/Release/net8.0/dnh-lab.dll"
module=$(ls -d "$root"/out/DockerNetHarden/*/DockerNetHarden.psd1 | tail -n 1)
pwsh=$(command -v pwsh || echo "$root/out/tools/pwsh")
[ -x "$pwsh" ] || { echo "make.sh: there is no pwsh; ./build.sh test installs one into out/tools" >&2; exit 2; }
[ -n "${DOTNET_ROOT:-}" ] || export DOTNET_ROOT="$(dirname "$(readlink -f "$(command -v dotnet)")")"
work=$(mktemp -d)
trap '$lab down --name pictures >/dev/null 2>&1 || :; $lab fleet down --name picfleet >/dev/null 2>&1 || :; rm -rf "$work"' EXIT

# Records on a terminal of 80 columns what a script prints, and draws it.
# $1: the picture; $2: the script, whose commands are shown as typed; the rest: what runs the recorder.
picture() {
    name=$1 scene=$2
    shift 2
    printf '%s\n' "$scene" >"$work/$name.ps1"
    DNH_MODULE=$module TERM=xterm-256color "$@" script -qefc "stty cols 80 rows 60; '$pwsh' -NoLogo -NoProfile -NonInteractive -File '$pictures/scene.ps1' '$work/$name.ps1'" "$work/$name.txt" >/dev/null </dev/null
    "$pwsh" -NoLogo -NoProfile -NonInteractive -File "$pictures/draw.ps1" "$work/$name.txt" "$pictures/$name.svg"
    echo "docs/pictures/$name.svg"
}

$lab down --name pictures >/dev/null 2>&1 || :
$lab up --name pictures --owner $$ >/dev/null
picture findings 'Get-DockerNetworkHardening -Network apps -Severity Medium' $lab exec --name pictures --
picture whatif 'Block-ContainerMetadataAccess aws | Invoke-FirewallRule -WhatIf' $lab exec --name pictures --
picture matrix 'Trace-ContainerAccess
& { Block-ContainerMetadataAccess; Block-ContainerHostAccess } | Invoke-FirewallRule
Trace-ContainerAccess
Trace-ContainerAccess 169.254.169.254 -Network apps' $lab exec --name pictures --

# The report, as a browser shows it: three controls are on, one network was left out of them.
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || :)
if [ -n "$browser" ]; then
    DNH_MODULE=$module $lab exec --name pictures -- "$pwsh" -NoLogo -NoProfile -NonInteractive -Command "
        Import-Module \$env:DNH_MODULE
        Remove-FirewallRule -All | Out-Null
        & { Block-ContainerMetadataAccess; Block-ContainerHostAccess -Network apps; Set-SmtpRateLimit } | Invoke-FirewallRule | Out-Null
        Get-DockerNetworkHardening -All | Export-HardeningReport '$work/report.html' | Out-Null" >/dev/null
    "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1100,1250 --screenshot="$pictures/report.png" "file://$work/report.html" >/dev/null 2>&1
    echo docs/pictures/report.png
else
    echo "make.sh: there is no Chromium, so report.png stays as it is" >&2
fi

fleet=$($lab fleet up --name picfleet --hosts 3 --owner $$ --json)
programs=$(printf '%s\n' "$fleet" | sed -n 's/^ *"programs": "\([^"]*\)".*/\1/p')
PATH=$programs:$PATH
picture fleet "\$rules = & { Block-ContainerMetadataAccess; Block-ContainerHostAccess; Set-SmtpRateLimit }
\$rules | Invoke-FirewallRule -HostName picfleet-1, picfleet-2, picfleet-3" env
