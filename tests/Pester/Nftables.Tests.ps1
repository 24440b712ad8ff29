BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe "Rules in a table of nftables$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll { Add-TestHost }

    AfterEach { Remove-FirewallRule -All | Out-Null }

    It 'puts the same rules into a table of nftables, where all else works too' {
        $rules = & { Block-ContainerMetadataAccess; Set-SmtpRateLimit; New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -Comment "it's `"mine`"" -Name mine }
        $preview = $rules | Invoke-FirewallRule -Backend Nftables -WhatIf
        $preview.Status | Should -Be 'Planned'
        $preview.Added | ForEach-Object { $_ | Should -BeLike 'nft add rule inet docker_net_harden *' }
        nft list tables | Should -Not -Contain 'table inet docker_net_harden'

        $result = $rules | Invoke-FirewallRule -Backend Nftables
        $result.Status, $result.Verified, "$($result.Backend)" | Should -Be @('Applied', $true, 'Nftables')
        Get-Reach c0 169.254.169.254 80 | Should -Be 'Refused'
        Get-Reach c0 169.254.169.254 53 Dns | Should -Be 'Open'
        ($rules | Invoke-FirewallRule -Backend Nftables).Status | Should -Be 'Unchanged'
        $rules | Test-FirewallRule | Should -BeTrue
        $there = Get-FirewallRule
        $there.Backend | Sort-Object -Unique | Should -Be 'Nftables'
        ($there | Measure-Object Packets -Sum).Sum | Should -BeGreaterThan 0
        ($there | ConvertTo-Json | ConvertFrom-Json | Invoke-FirewallRule -Backend Nftables).Status | Should -Be 'Unchanged'
        ($there.Text | Invoke-FirewallRule -Backend Nftables).Status | Should -Be 'Unchanged'

        (Remove-FirewallRule -Control SmtpRate).Verified | Should -BeTrue
        (Get-FirewallRule).Control | Sort-Object -Unique | Should -Be @('Custom', 'MetadataAccess')
        Get-FirewallRule -Control Custom | Remove-FirewallRule | Out-Null
        # To iptables, and back with nothing left.
        (Block-ContainerMetadataAccess | Invoke-FirewallRule).Verified | Should -BeTrue
        (Get-FirewallRule).Backend | Sort-Object -Unique | Should -Be 'Iptables'
        nft list tables | Should -Not -Contain 'table inet docker_net_harden'
        Get-Reach c0 169.254.169.254 80 | Should -Be 'Refused'
    }

    It 'refuses what nftables cannot express, by name' {
        $failure = Get-TerminatingError { '-A DOCKER-USER -m set --match-set bad dst -j DROP' | Invoke-FirewallRule -Backend Nftables -ErrorAction Stop }
        $failure.FullyQualifiedErrorId | Should -BeLike 'NotInNftables,*'
        "$failure" | Should -BeLike '*ipset*'
    }
}
