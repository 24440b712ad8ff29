BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Test-FirewallRule and what is not a rule' {
    It 'ends at the first element that is not a rule: a missing rule would be a hole' {
        { '-A DOCKER-USER -j DROP', $null | Test-FirewallRule } | Should -Throw -ErrorId 'InvalidRule,*'
        { @() | Test-FirewallRule } | Should -Throw -ErrorId 'NoRule,*'
        { & { Set-SmtpRateLimit; Write-Error boo -ErrorAction Continue } 2>$null | Test-FirewallRule } | Should -Throw -ErrorId 'UpstreamError,*'
    }
}

Describe "Test-FirewallRule on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeEach {
        $rules = & { Block-ContainerMetadataAccess gcp; Block-ContainerHostAccess -Network apps }
        $rules | Invoke-FirewallRule | Out-Null
    }

    AfterEach { Remove-FirewallRule -All | Out-Null }

    It 'is one bool: true if all are in place' {
        $answer = $rules | Test-FirewallRule
        $answer | Should -BeOfType ([bool])
        $answer | Should -BeTrue
    }

    It 'is true for a part of a mark' { $rules[4] | Test-FirewallRule | Should -BeTrue }

    It 'is false if one is missing, and -Verbose names it' {
        Get-FirewallRule MetadataAccess | Select-Object -Last 1 | Remove-FirewallRule | Out-Null
        $answer, $said = $rules | Test-FirewallRule -Verbose 4>&1 | Sort-Object { $_ -isnot [bool] }
        $answer | Should -BeFalse
        "$said" | Should -BeLike '*is not there*'
    }

    It 'is false if <What>' -ForEach @(
        @{ What = 'nothing is there'; Break = { Remove-FirewallRule -All | Out-Null }; Mend = {} }
        @{ What = 'the jump is gone'; Break = { iptables -D DOCKER-USER -m comment --comment DockerNetHarden -j DNH-METADATA }; Mend = {} }
        @{ What = 'the chain ends before the jump'; Break = { iptables -I DOCKER-USER -j RETURN }; Mend = { iptables -D DOCKER-USER -j RETURN } }
        @{ What = 'Docker''s jump is gone'; Break = { iptables -D FORWARD -j DOCKER-USER }; Mend = { iptables -I FORWARD -j DOCKER-USER } }
        @{ What = 'FORWARD ends before Docker''s jump'; Break = { iptables -I FORWARD -j ACCEPT }; Mend = { iptables -D FORWARD -j ACCEPT } }
        @{ What = 'our chain ends before the rules'; Break = { iptables -I DNH-METADATA -j ACCEPT }; Mend = { iptables -D DNH-METADATA 1 } }
        @{ What = 'a block has one condition more'; Mend = {}; Break = {
                $block = '-m', 'comment', '--comment', 'DockerNetHarden:MetadataAccess/gcp', '-j', 'DNH-REJECT'
                iptables -D DNH-METADATA.1 @block
                iptables -A DNH-METADATA.1 -m conntrack --ctdir REPLY @block
            }
        }
        @{ What = 'a block comes before its exception'; Break = { iptables -I DNH-METADATA.1 -m comment --comment 'DockerNetHarden:MetadataAccess/gcp' -j DNH-REJECT }; Mend = {} }
    ) {
        & $Break
        try { $rules | Test-FirewallRule | Should -BeFalse }
        finally { & $Mend }
    }

    It 'is false if a rule is in place but another tool decides its packets' {
        $drop = New-FirewallRule -Action Drop -RemoteAddress 203.0.113.25 -Name mine
        $drop | Invoke-FirewallRule | Out-Null
        $drop | Test-FirewallRule | Should -BeTrue
        Get-Reach a1 203.0.113.25 80 | Should -Be 'TimedOut'
        iptables -I FORWARD -i apps0 -p tcp -j ACCEPT
        try {
            $answer, $said = $drop | Test-FirewallRule -Verbose 4>&1 | Sort-Object { $_ -isnot [bool] }
            Get-Reach a1 203.0.113.25 80 | Should -Be 'Open'
        }
        finally { iptables -D FORWARD -i apps0 -p tcp -j ACCEPT }
        $answer | Should -BeFalse
        "$said" | Should -BeLike '*does not decide*FORWARD rule 1*'
    }

    It 'answers from a file as from the host' {
        Export-DockerHostSnapshot "$TestDrive/host.json" | Out-Null
        Remove-FirewallRule -All | Out-Null
        $rules | Test-FirewallRule -Snapshot "$TestDrive/host.json" | Should -BeTrue
        $rules | Test-FirewallRule | Should -BeFalse
    }

    It 'is true again after Invoke-FirewallRule' {
        iptables -D DOCKER-USER -m comment --comment DockerNetHarden -j DNH-METADATA
        ($rules | Invoke-FirewallRule).Status | Should -Be 'Applied'
        $rules | Test-FirewallRule | Should -BeTrue
    }

    It 'is false, with an error, if Docker cannot say what a network is' {
        $docker = $env:DOCKER_HOST
        try {
            $env:DOCKER_HOST = "unix://$TestDrive/none.sock"
            $answer = $rules | Test-FirewallRule -ErrorAction SilentlyContinue -ErrorVariable failures
        }
        finally { $env:DOCKER_HOST = $docker }
        $answer | Should -BeFalse
        $failures[0].FullyQualifiedErrorId | Should -Be 'UnresolvedOperand,DockerNetHarden.Commands.TestFirewallRuleCommand'
    }
}
