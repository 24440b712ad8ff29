#requires -Version 7.4
#requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.5.0' }
<#
.SYNOPSIS
Checks Docker hosts for compliance: one Pester test for each finding of Get-DockerNetworkHardening, named by its id, and one for each host's policy.
.DESCRIPTION
A test fails if its finding fails or is not certain, and says why and what to do. A host that cannot be read is a failing test, and so is a host about which nothing was found.
.PARAMETER HostName
The hosts, as Get-DockerNetworkHardening takes them; this machine if it is left out.
.PARAMETER Snapshot
Files of Export-DockerHostSnapshot to check instead of hosts.
.PARAMETER Policy
A policy file: its rules must be on each host, and decide all that they name.
.PARAMETER Severity
Only findings of this severity or worse.
.PARAMETER Network
Only findings about these networks and about whole hosts.
.PARAMETER Exclude
Checks to leave out, by id; wildcards are allowed.
.PARAMETER Connection
More parameters for the commands that reach hosts: @{ UserName = 'audit'; Sudo = $true }.
.EXAMPLE
$tests = Join-Path (Get-Module DockerNetHarden -ListAvailable)[0].ModuleBase 'Compliance'
Invoke-Pester -Container (New-PesterContainer -Path $tests -Data @{ HostName = 'web1', 'web2'; Severity = 'High' })
#>
param(
    [string[]] $HostName,
    [string[]] $Snapshot,
    [string] $Policy,
    [ValidateSet('Info', 'Low', 'Medium', 'High', 'Critical')]
    [string] $Severity = 'Medium',
    [string[]] $Network,
    [string[]] $Exclude,
    [hashtable] $Connection = @{}
)

BeforeDiscovery {
    Import-Module (Join-Path $PSScriptRoot '../DockerNetHarden.psd1')
    $target = @{} + $Connection
    if ($HostName) { $target.HostName = $HostName }
    if ($Snapshot) { $target.Snapshot = $Snapshot }
    $choice = @{ Severity = $Severity }
    if ($Network) { $choice.Network = $Network }
    if ($Exclude) { $choice.Exclude = $Exclude }

    $found = @(Get-DockerNetworkHardening @target @choice -All -ErrorAction SilentlyContinue -ErrorVariable failures)
    $names = @($found.HostName) + @(if (-not $Snapshot) { if ($HostName) { $HostName } else { 'localhost' } }) + @($failures.TargetObject) | Where-Object { $_ } | Select-Object -Unique
    $checked = foreach ($name in $names) {
        @{
            Name     = $name
            Failures = @($failures | Where-Object { "$($_.TargetObject)" -eq $name } | ForEach-Object { "$_" })
            Findings = @($found | Where-Object HostName -EQ $name | ForEach-Object { @{ Id = $_.Id; Title = $_.Title; About = (@($_.Network, $_.Container | Where-Object { $_ }) -join '/'); Finding = $_ } })
        }
    }
    $asked = @(if ($Policy) {
            if ($Snapshot) { $Snapshot | ForEach-Object { @{ About = $_; Target = @{ Snapshot = $_ } } } }
            elseif ($HostName) { $HostName | ForEach-Object { @{ About = $_; Target = $Connection + @{ HostName = $_ } } } }
            else { @{ About = 'localhost'; Target = $Connection } }
        })
    # An error that belongs to no host that was found, such as a network that is nowhere.
    $others = @($failures | Where-Object { "$($_.TargetObject)" -notin $names } | ForEach-Object { @{ Message = "$_" } })
}

if ($others) {
    Describe 'Docker hosts' {
        It 'can be asked: <Message>' -ForEach $others { throw $Message }
    }
}

Describe 'Hardening of <Name>' -ForEach $checked {
    It 'was checked' {
        $Failures | Should -BeNullOrEmpty
        $Findings.Count | Should -BeGreaterThan 0 -Because 'a host about which nothing was found was not checked'
    }

    if ($_.Findings) {
        It '<Id> <About> <Title>' -ForEach $_.Findings {
            $because = (@($Finding.Evidence) + @($Finding.Remedy) | Where-Object { $_ }) -join "`n"
            "$($Finding.Status)" | Should -BeIn 'Pass', 'NotApplicable' -Because $because
        }
    }
}

if ($asked) {
    Describe 'Policy' {
        It 'holds on <About>: its rules are there, and decide' -ForEach $asked {
            Import-HardeningPolicy $Policy | Test-FirewallRule @Target | Should -BeTrue
        }
    }
}
