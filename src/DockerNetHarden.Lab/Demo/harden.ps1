#requires -Version 7.4
param(
    [Parameter(Mandatory)]
    [string] $Module
)
$ErrorActionPreference = 'Stop'
Import-Module $Module

& {
    Block-ContainerMetadataAccess
    Block-ContainerHostAccess
    Block-ContainerInternalAccess
    Set-SmtpRateLimit
} | Invoke-FirewallRule -Confirm:$false | Format-List | Out-String -Width 140
