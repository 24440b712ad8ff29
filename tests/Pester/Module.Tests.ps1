BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'The module' {
    It 'is a manifest that PowerShell accepts' {
        (Test-ModuleManifest (Get-StagedModule)).Version | Should -BeGreaterThan ([version] '0.0.9')
    }

    It 'exports cmdlets and nothing else' {
        $module = Get-Module DockerNetHarden
        $module.ExportedCmdlets.Keys | Sort-Object | Should -Be @(
            'Block-ContainerHostAccess', 'Block-ContainerInternalAccess', 'Block-ContainerMetadataAccess', 'Confirm-FirewallChange', 'Export-DockerHostSnapshot', 'Export-FirewallRule',
            'Export-HardeningPolicy', 'Export-HardeningReport', 'Get-BlockedAccess', 'Get-DockerNetwork', 'Get-DockerNetworkHardening', 'Get-FirewallRule', 'Import-HardeningPolicy', 'Invoke-FirewallRule', 'New-FirewallRule',
            'New-HardenedDockerNetwork', 'New-XsoarServerSetting', 'Remove-FirewallRule', 'Save-FirewallRule', 'Set-SmtpRateLimit', 'Test-DockerNetworkHardening', 'Test-FirewallRule',
            'Trace-ContainerAccess')
        $module.ExportedFunctions.Count + $module.ExportedAliases.Count + $module.ExportedVariables.Count | Should -Be 0
    }

    It 'has no assembly of anybody else beside its own' {
        Get-ChildItem (Split-Path (Get-StagedModule)) -Filter *.dll | ForEach-Object Name | Sort-Object | Should -Be @('DockerNetHarden.Core.dll', 'DockerNetHarden.dll', 'DockerNetHarden.Start.dll')
    }

    It 'runs the native code that was staged for this platform, and without it is the same' {
        $native = Join-Path (Split-Path (Get-StagedModule)) 'linux-x64'
        if (-not (Test-Path $native) -or [Runtime.InteropServices.RuntimeInformation]::RuntimeIdentifier -notmatch '^linux-x64|-x64$') {
            Set-ItResult -Skipped -Because 'no native code is staged for this platform'
        }
        $copy = Join-Path $TestDrive DockerNetHarden
        Copy-Item (Split-Path (Get-StagedModule)) $copy -Recurse
        # As on a platform for which there is none, and as where the native code is for another one.
        Copy-Item $copy (Join-Path $TestDrive Plain) -Recurse
        Remove-Item (Join-Path $TestDrive Plain/linux-x64) -Recurse
        Copy-Item $copy (Join-Path $TestDrive Broken) -Recurse
        Set-Content (Join-Path $TestDrive Broken/linux-x64/DockerNetHarden.Core.dll) 'not an assembly'
        $found = foreach ($name in 'DockerNetHarden', 'Plain', 'Broken') {
            Invoke-Pwsh "Import-Module '$TestDrive/$name/DockerNetHarden.psd1'; [DockerNetHarden.Rules.FirewallRule].Assembly.Location; @(Block-ContainerMetadataAccess).Count; (Get-Module DockerNetHarden).ModuleBase; (Get-Help Invoke-FirewallRule).Synopsis.Length"
        }
        $found[0] | Should -BeExactly "$TestDrive/DockerNetHarden/linux-x64/DockerNetHarden.Core.dll"
        $found[4] | Should -BeExactly "$TestDrive/Plain/DockerNetHarden.Core.dll"
        $found[8] | Should -BeExactly "$TestDrive/Broken/DockerNetHarden.Core.dll"
        foreach ($i in 1, 3) {
            $found[4 + $i] | Should -BeExactly $found[$i]
            $found[8 + $i] | Should -BeExactly $found[$i]
        }
        $found[2], $found[6], $found[10] | Should -BeExactly "$TestDrive/DockerNetHarden", "$TestDrive/Plain", "$TestDrive/Broken"
    }

    It 'works in parallel runspaces' {
        $path = Get-StagedModule
        $counts = 1..8 | ForEach-Object -ThrottleLimit 4 -Parallel {
            Import-Module $using:path
            @(Block-ContainerMetadataAccess -Provider gcp).Count
        }
        $counts | Should -HaveCount 8
        $counts | Select-Object -Unique | Should -HaveCount 1
    }

    It 'completes providers and controls, each with a tooltip' {
        $providers = (TabExpansion2 'Block-ContainerMetadataAccess -Provider a').CompletionMatches
        $providers.CompletionText | Should -Contain 'aws'
        ($providers | Where-Object CompletionText -EQ aws).ToolTip | Should -Match '169\.254\.169\.254'
        (TabExpansion2 'Get-FirewallRule -Control S').CompletionMatches.CompletionText | Should -Be 'SmtpRate'
        (TabExpansion2 'Set-SmtpRateLimit -Action ').CompletionMatches.CompletionText | Should -Be @('Drop', 'Reject')
    }

    It 'completes nothing, and at once, if Docker does not answer' {
        $listener = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
        $listener.Start()
        $docker = $env:DOCKER_HOST
        try {
            $env:DOCKER_HOST = "tcp://127.0.0.1:$($listener.LocalEndpoint.Port)"
            (Measure-Command { $script:found = (TabExpansion2 'Get-DockerNetwork -Name zzz').CompletionMatches }).TotalSeconds | Should -BeLessThan 3
        }
        finally {
            $env:DOCKER_HOST = $docker
            $listener.Stop()
        }
        $found | Where-Object ResultType -EQ ParameterValue | Should -BeNullOrEmpty
    }
}
