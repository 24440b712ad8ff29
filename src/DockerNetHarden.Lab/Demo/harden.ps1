#requires -Version 7.4
param(
    [Parameter(Mandatory)]
    [string] $Module,

    [ValidateSet('Harden', 'Save')]
    [string] $Step = 'Harden'
)
$ErrorActionPreference = 'Stop'
Import-Module $Module

if ($Step -eq 'Save') {
    # systemd did not start the throwaway host, so Auto would find nothing.
    Save-FirewallRule -Method Systemd | Format-List HostName, Method, Status, Enabled, Unit, Count, Files | Out-String -Width 140
    return
}

& {
    Block-ContainerMetadataAccess
    Block-ContainerHostAccess
    Block-ContainerInternalAccess
    Set-SmtpRateLimit
} | Invoke-FirewallRule -Confirm:$false | Format-List | Out-String -Width 140
