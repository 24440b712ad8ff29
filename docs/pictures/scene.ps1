# Runs the commands of a file as a person would type them. make.sh records what is on the terminal.
param([string] $Path)
$ErrorActionPreference = 'Stop'
# A progress bar moves; a picture does not.
$ProgressPreference = 'SilentlyContinue'
Import-Module $env:DNH_MODULE
foreach ($line in Get-Content $Path) {
    Write-Host "PS> $line"
    Invoke-Expression $line | Out-Host
}
