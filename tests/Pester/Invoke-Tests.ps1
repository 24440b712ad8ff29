#requires -Version 7.4
<#
.SYNOPSIS
Runs the Pester suite on the staged module and prints one line: Pester: N passed, N failed, N skipped.
.DESCRIPTION
As root, and if the lab has been built, the suite runs on throwaway Docker hosts in network namespaces; otherwise the tests that need one are skipped,
with the reason in their names. The files that need a fleet and all others run side by side, each half on its own host. Exit code 1: a test failed, or none ran.
.PARAMETER Path
The test files; if none is named, all in this folder.
.PARAMETER Here
Run in this process, on this host: the script calls itself like this inside the lab.
.PARAMETER Name
The name of the file with the results.
#>
[CmdletBinding()]
param(
    [string[]] $Path = $PSScriptRoot,
    [switch] $Here,
    [string] $Name = 'pester'
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
# pwsh -File passes a list as one text.
$Path = @($Path -split ',')
. (Join-Path $PSScriptRoot 'Common.ps1')

$results = Join-Path (Get-ProjectRoot) 'out/TestResults'

function Write-Total([int] $Passed, [int] $Failed, [int] $Skipped) {
    Write-Host "Pester: $Passed passed, $Failed failed, $Skipped skipped"
    if ($Failed -gt 0 -or $Passed -eq 0) { 1 } else { 0 }
}

function Invoke-Suite {
    Import-Module Pester -MinimumVersion 5.5
    $configuration = New-PesterConfiguration
    $configuration.Run.Path = $Path
    $configuration.Run.PassThru = $true
    $configuration.Output.Verbosity = 'Normal'
    $configuration.TestResult.Enabled = $true
    $configuration.TestResult.OutputPath = Join-Path $results "$Name.xml"
    $null = New-Item -ItemType Directory -Force $results
    try { $result = Invoke-Pester -Configuration $configuration }
    finally { Remove-TestFleet }
    # A file that cannot be discovered, or a BeforeAll that fails, counts as a failure even if none of its tests is counted.
    $failed = [Math]::Max($result.FailedCount, $result.FailedCount + $result.FailedContainersCount + $result.FailedBlocksCount)
    Write-Total $result.PassedCount $failed ($result.SkippedCount + $result.NotRunCount)
}

# Starts files on a separate lab in a separate pwsh, with all output in a file: nobody could read the mixed lines of two that run side by side.
function Start-Part($Part) {
    $start = [Diagnostics.ProcessStartInfo]::new('/bin/sh', [string[]] @(
            '-c', 'exec "$@" >"$0" 2>&1 </dev/null', $Part.Log, 'dotnet', $tool, 'exec', '--name', $Part.Lab, '--'; Get-PwshCommand
            '-NoProfile', '-NonInteractive', '-File', $PSCommandPath, '-Here', '-Name', $Part.Name, '-Path', ($Part.Files -join ',')))
    $start.Environment['DNH_LAB'] = $Part.Lab
    $start.Environment['DNH_LAB_TOOL'] = $tool
    $start.Environment['DNH_MODULE'] = Get-StagedModule
    $Part.Process = [Diagnostics.Process]::Start($start)
}

# Waits for a part, prints its output, and returns its counts. A part that ends without a closing line, or with a failing exit code but no failed test, is a failure.
function Complete-Part($Part) {
    $Part.Process.WaitForExit()
    $lines = @(Get-Content $Part.Log)
    Write-Host ($lines -join "`n")
    $total = [regex]::Match($lines -join "`n", '(?m)^Pester: (\d+) passed, (\d+) failed, (\d+) skipped$', 'RightToLeft')
    $passed, $failed, $skipped = 1..3 | ForEach-Object { if ($total.Success) { [int] $total.Groups[$_].Value } else { 0 } }
    if ($failed -eq 0 -and ($Part.Process.ExitCode -ne 0 -or -not $total.Success)) {
        Write-Host "$($Part.Name) ended with exit code $($Part.Process.ExitCode) although none of its tests failed"
        $failed = 1
    }
    $passed, $failed, $skipped
}

$null = Get-StagedModule
if ($Here) { exit (Invoke-Suite) }

$tool = Get-LabTool
if (-not $tool -or -not $IsLinux -or (id -u) -ne 0) { exit (Invoke-Suite) }

$null = New-Item -ItemType Directory -Force $results
$files = @(Get-ChildItem $Path -Filter *.Tests.ps1 | ForEach-Object FullName)
$fleet = @(Select-String 'Enter-TestFleet' $files -List | ForEach-Object Path)
$parts = @(
    # The longer one first.
    @{ Name = 'pester-fleet'; Files = $fleet }, @{ Name = 'pester'; Files = @($files | Where-Object { $_ -notin $fleet }) } | Where-Object { $_.Files } |
        ForEach-Object { [pscustomobject]@{ Name = $_.Name; Files = $_.Files; Lab = "$($_.Name)$PID"; Log = Join-Path $results "$($_.Name).log"; Raised = $false; Process = $null } })
try {
    foreach ($part in $parts) {
        $null = dotnet $tool up --name $part.Lab --owner $PID --json
        $part.Raised = $LASTEXITCODE -eq 0
    }
    if ($parts.Raised -contains $false) {
        Write-Warning 'No lab could be raised; what needs a Docker host is skipped.'
        $code = Invoke-Suite
    }
    else {
        foreach ($part in $parts) { Start-Part $part }
        $counts = @(foreach ($part in $parts) { , (Complete-Part $part) })
        $sums = 0..2 | ForEach-Object { $column = $_; ($counts | ForEach-Object { $_[$column] } | Measure-Object -Sum).Sum }
        $code = Write-Total @sums
    }
}
finally {
    foreach ($part in $parts) {
        if ($part.Process -and -not $part.Process.HasExited) { $part.Process.Kill($true) }
        if ($part.Raised) { dotnet $tool down --name $part.Lab | Out-Null }
    }
}
exit $code
