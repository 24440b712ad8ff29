# docs/decisions/0007: a network's own rules decide before those of the whole host, in whatever order they were applied.

BeforeDiscovery {
    . $PSScriptRoot/Common.ps1
    $reason = Get-LabReason
}

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe "The narrower mark$reason" -Skip:($reason -ne '') {
    AfterEach { $null = Remove-FirewallRule -All -Confirm:$false }

    It 'closes for its network what the whole host''s exception opens, with <First> applied first' -ForEach @(
        @{ First = 'the exception'; Order = 'host', 'network' }
        @{ First = 'the block'; Order = 'network', 'host' }
    ) {
        foreach ($each in $Order) {
            $rules = if ($each -eq 'host') { Block-ContainerHostAccess -AllowPort 8080/tcp } else { Block-ContainerHostAccess -Network apps }
            ($rules | Invoke-FirewallRule -Confirm:$false).Verified | Should -BeTrue
        }
        Get-Reach c0 172.31.5.4 8080 | Should -Be 'Open'
        Get-Reach a1 172.31.5.4 8080 | Should -Be 'Refused'
    }

    It 'comes to the same chain in either order' {
        $texts = foreach ($order in @(0, 1), @(1, 0)) {
            $both = @(Block-ContainerHostAccess -AllowPort 8080/tcp), @(Block-ContainerHostAccess -Network apps)
            foreach ($index in $order) { $null = $both[$index] | Invoke-FirewallRule -Confirm:$false }
            (Get-FirewallRule -Control HostAccess).Text -join "`n"
            $null = Remove-FirewallRule -All -Confirm:$false
        }
        $texts[0] | Should -Match 'HostAccess:apps'
        $texts[1] | Should -BeExactly $texts[0]
    }

    # The rules that mend a network stand before a later exception for all networks: the warning has the command that opens it, and that can be pasted.
    It 'says which of our own rules wins, with the command that makes the exception hold' {
        Get-DockerNetworkHardening -Id HOST-ACCESS | Invoke-FirewallRule | ForEach-Object Verified | Should -BeTrue
        $result = Block-ContainerHostAccess -AllowPort 8080/tcp | Invoke-FirewallRule -WarningVariable warnings -WarningAction SilentlyContinue
        $result.Verified | Should -BeTrue
        Get-Reach a1 172.31.5.4 8080 | Should -Be 'Refused'
        $command = $warnings | ForEach-Object { if ("$_" -match 'Block-ContainerHostAccess -Network apps .*?Invoke-FirewallRule') { $Matches[0] } }
        $command | Should -HaveCount 1
        (& ([scriptblock]::Create($command))).Verified | Should -BeTrue
        Get-Reach a1 172.31.5.4 8080 | Should -Be 'Open'
        Get-Reach c0 172.31.5.4 8080 | Should -Be 'Refused'
        Get-DockerNetworkHardening -Id RULE-INEFFECTIVE | ForEach-Object Status | Should -Be 'Pass'
    }
}
