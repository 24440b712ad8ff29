@{
    RootModule             = 'DockerNetHarden.dll'
    NestedModules          = @('DockerNetHarden.Start.dll')
    ModuleVersion          = '0.1.0'
    GUID                   = '6f6f2a3e-5f0c-4d0e-9b53-2f6c6a0f7d11'
    Author                 = 'The DockerNetHarden authors'
    CompanyName            = 'The DockerNetHarden authors'
    Copyright              = '(c) 2026 The DockerNetHarden authors. MIT License.'
    Description            = 'Decides, enforces and proves what Docker containers may reach: cloud metadata, the Docker host, internal networks, mail.'
    PowerShellVersion      = '7.4'
    CompatiblePSEditions   = @('Core')
    FormatsToProcess       = @('DockerNetHarden.Format.ps1xml')
    CmdletsToExport        = @(
        'Block-ContainerHostAccess'
        'Block-ContainerInternalAccess'
        'Block-ContainerMetadataAccess'
        'Confirm-FirewallChange'
        'Export-DockerHostSnapshot'
        'Export-FirewallRule'
        'Export-HardeningPolicy'
        'Export-HardeningReport'
        'Get-BlockedAccess'
        'Get-DockerNetwork'
        'Get-DockerNetworkHardening'
        'Get-FirewallRule'
        'Import-HardeningPolicy'
        'Invoke-FirewallRule'
        'New-FirewallRule'
        'New-HardenedDockerNetwork'
        'New-XsoarServerSetting'
        'Remove-FirewallRule'
        'Save-FirewallRule'
        'Set-SmtpRateLimit'
        'Test-DockerNetworkHardening'
        'Test-FirewallRule'
        'Trace-ContainerAccess'
    )
    FunctionsToExport      = @()
    AliasesToExport        = @()
    VariablesToExport      = @()
    PrivateData            = @{
        PSData = @{
            Tags         = @('Docker', 'Firewall', 'iptables', 'Security', 'Hardening', 'Container', 'Metadata', 'Linux', 'PSEdition_Core')
            LicenseUri   = 'https://github.com/dockernetharden/DockerNetHarden/blob/main/LICENSE'
            ProjectUri   = 'https://github.com/dockernetharden/DockerNetHarden'
            ReleaseNotes = 'https://github.com/dockernetharden/DockerNetHarden/blob/main/CHANGELOG.md'
        }
    }
}
