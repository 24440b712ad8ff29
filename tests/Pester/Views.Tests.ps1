# Every table of the module on a terminal of 80 columns: all of its columns are there, and nothing is wider.
BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
    $PSStyle.OutputRendering = 'PlainText'
    $views = [xml] (Get-Content (Join-Path (Split-Path (Get-StagedModule)) 'DockerNetHarden.Format.ps1xml') -Raw)

    function Assert-Fits([string] $View, $Objects) {
        @($Objects) | Should -Not -BeNullOrEmpty
        $labels = $views.SelectNodes("//View[Name='$View']//TableColumnHeader/Label").InnerText
        $lines = ($Objects | Out-String -Width 80) -split "`r?`n"
        ($lines | ForEach-Object { $_.TrimEnd().Length } | Measure-Object -Maximum).Maximum | Should -BeLessOrEqual 80
        $header = $lines | Where-Object { $_ -match "^\s*$([regex]::Escape($labels[0]))\b" } | Select-Object -First 1
        foreach ($label in $labels) { $header | Should -Match "\b$([regex]::Escape($label))" -Because "the table of $View has the column $label" }
    }
}

Describe 'Tables on a terminal of 80 columns' {
    It 'shows rules' { Assert-Fits FirewallRule (Block-ContainerInternalAccess -Network a-network-with-a-long-name) }

    It 'shows networks of a policy' {
        Set-Content "$TestDrive/policy.json" '{ "version": 1, "networks": [{ "name": "a-network-with-a-long-name", "profile": "MetadataAccess", "bridge": "docker-metadata", "subnets": ["10.99.0.0/24", "fd00:99::/64"], "enableIPv6": true }] }'
        Assert-Fits PolicyNetwork (Import-HardeningPolicy "$TestDrive/policy.json" -Network)
    }

    It 'shows settings of Cortex XSOAR' { Assert-Fits XsoarServerSetting (New-XsoarServerSetting -Network aws-metadata -Image 'demisto/a-rather-long-image-name', 'demisto/boto3py3') }
}

Describe "Tables on a terminal of 80 columns, of a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    AfterAll { Remove-FirewallRule -All | Out-Null }

    It 'shows networks' { Assert-Fits DockerNetwork (Get-DockerNetwork) }

    It 'shows a network that would be made' { Assert-Fits HardenedDockerNetwork (New-HardenedDockerNetwork a-long-network-name ExternalOnly -WhatIf 6>$null) }

    It 'shows what a change did' { Assert-Fits FirewallInvocationResult (Block-ContainerMetadataAccess | Invoke-FirewallRule) }

    It 'shows installed rules' { Assert-Fits InstalledRule (Get-FirewallRule) }

    It 'shows what would be saved' { Assert-Fits PersistenceResult (Save-FirewallRule -Method Systemd -WhatIf 6>$null) }

    It 'shows what rules met' {
        Get-Reach a1 169.254.169.254 80 | Should -Be 'Refused'
        Assert-Fits BlockedAccess (Get-BlockedAccess)
    }

    It 'shows findings, a trace, a probed trace and the matrix' {
        Assert-Fits HardeningFinding (Get-DockerNetworkHardening -All)
        Assert-Fits AccessTrace (Trace-ContainerAccess -Network apps)
        Assert-Fits AccessTraceProbed (Trace-ContainerAccess 169.254.169.254:80 -Probe)
        Assert-Fits AccessMatrixWords (Trace-ContainerAccess)
    }
}
