#requires -Version 7.4
<#
.SYNOPSIS
Runs the Pester suite on the staged module and prints one line: Pester: N passed, N failed, N skipped.
.DESCRIPTION
As root, and where the lab has been built, the suite runs on a throwaway Docker host in network namespaces; else the tests that need one are skipped,
with the reason in their names. Exit code 1: a test failed, or none ran.
.PARAMETER Path
The test files; all of this folder where none is named.
.PARAMETER Here
Run in this process, on this host: what the script itself does inside the lab.
#>
[CmdletBinding()]
param(
    [string[]] $Path = $PSScriptRoot,
    [switch] $Here
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
# pwsh -File hands a list over as one text.
$Path = @($Path -split ',')
. (Join-Path $PSScriptRoot 'Common.ps1')

function Invoke-Suite {
    Import-Module Pester -MinimumVersion 5.5
    $configuration = New-PesterConfiguration
    $configuration.Run.Path = $Path
    $configuration.Run.PassThru = $true
    $configuration.Output.Verbosity = 'Normal'
    $configuration.TestResult.Enabled = $true
    $configuration.TestResult.OutputPath = Join-Path (Get-ProjectRoot) 'out/TestResults/pester.xml'
    $null = New-Item -ItemType Directory -Force (Split-Path $configuration.TestResult.OutputPath.Value)
    $result = Invoke-Pester -Configuration $configuration
    # A file that cannot be discovered, or a BeforeAll that fails, counts as a failure even where no test of it is counted.
    $failed = [Math]::Max($result.FailedCount, $result.FailedCount + $result.FailedContainersCount + $result.FailedBlocksCount)
    Write-Host "Pester: $($result.PassedCount) passed, $failed failed, $($result.SkippedCount + $result.NotRunCount) skipped"
    if ($failed -gt 0 -or $result.PassedCount -eq 0) { 1 } else { 0 }
}

$null = Get-StagedModule
if ($Here) { exit (Invoke-Suite) }

$tool = Get-LabTool
if (-not $tool -or -not $IsLinux -or (id -u) -ne 0) { exit (Invoke-Suite) }

$name = "pester$PID"
$up = dotnet $tool up --name $name --json
if ($LASTEXITCODE -ne 0) {
    Write-Warning "No lab could be raised; what needs a Docker host is skipped."
    exit (Invoke-Suite)
}
try {
    $env:DNH_LAB = $name
    $env:DNH_LAB_TOOL = $tool
    $env:DNH_MODULE = Get-StagedModule
    dotnet $tool exec --name $name -- @(Get-PwshCommand) -NoProfile -NonInteractive -File $PSCommandPath -Here -Path ($Path -join ',')
    $code = $LASTEXITCODE
}
finally {
    $env:DNH_LAB = $null
    dotnet $tool down --name $name | Out-Null
}
exit $code
