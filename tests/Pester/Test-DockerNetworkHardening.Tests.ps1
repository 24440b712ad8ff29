BeforeDiscovery {
    . $PSScriptRoot/Common.ps1
    $ownFiles = Get-OwnFilesReason
}

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Test-DockerNetworkHardening and a host that cannot be read' {
    It 'is false, with an error' {
        Set-Content "$TestDrive/broken.json" '{'
        $answer = Test-DockerNetworkHardening -Snapshot "$TestDrive/broken.json" -ErrorAction SilentlyContinue -ErrorVariable failures
        $answer | Should -BeFalse
        $failures[0].FullyQualifiedErrorId | Should -Be 'InvalidSnapshot,DockerNetHarden.Commands.TestDockerNetworkHardeningCommand'
    }
}

Describe "Test-DockerNetworkHardening on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    AfterEach { Remove-FirewallRule -All | Out-Null }

    It 'is false on a bare host, and -Verbose says why' {
        $answer, $said = Test-DockerNetworkHardening -Verbose 4>&1 | Sort-Object { $_ -isnot [bool] }
        $answer | Should -BeOfType ([bool])
        $answer | Should -BeFalse
        "$said" | Should -BeLike '*Fail METADATA-* apps*'
    }

    It 'is true once the findings were piped on' {
        Get-DockerNetworkHardening | Where-Object Status -eq Fail | Invoke-FirewallRule | Out-Null
        # Nothing is saved here, which is a finding too.
        Test-DockerNetworkHardening | Should -BeFalse
        Test-DockerNetworkHardening -Exclude RULES-SAVED | Should -BeTrue
        iptables -I FORWARD -i apps0 -j ACCEPT
        try { Test-DockerNetworkHardening -Network apps | Should -BeFalse } finally { iptables -D FORWARD -i apps0 -j ACCEPT }
    }

    It 'looks at less if told to' {
        Block-ContainerMetadataAccess | Invoke-FirewallRule | Out-Null
        Test-DockerNetworkHardening -Severity Critical | Should -BeTrue
        Test-DockerNetworkHardening | Should -BeFalse
        Test-DockerNetworkHardening -Exclude HOST-ACCESS, GATEWAY-ACCESS, MAIL-RATE, RULES-SAVED | Should -BeTrue
    }

    It 'is false, with an error, if Docker cannot be asked' {
        $docker = $env:DOCKER_HOST
        try {
            $env:DOCKER_HOST = "unix://$TestDrive/none.sock"
            $answer = Test-DockerNetworkHardening -ErrorAction SilentlyContinue -ErrorVariable failures
        }
        finally { $env:DOCKER_HOST = $docker }
        $answer | Should -BeFalse
        $failures.FullyQualifiedErrorId | Should -Contain 'NotChecked,DockerNetHarden.Commands.TestDockerNetworkHardeningCommand'
    }
}

# Saving writes below /etc, so the whole runs in a separate pwsh with its own.
Describe "Test-DockerNetworkHardening on a host with a block list of another program$(Get-LabReason)$ownFiles" -Skip:(-not $env:DNH_LAB -or $ownFiles) {
    BeforeAll {
        # As crowdsec-firewall-bouncer leaves it in mode iptables, with 10,000 banned networks.
        sh -c 'ipset create crowdsec-blacklists-0 hash:net timeout 300 maxelem 131072 &&
            i=0; while [ $i -lt 10000 ]; do echo "add crowdsec-blacklists-0 45.$((i / 256)).$((i % 256)).0/24 timeout 14400"; i=$((i + 1)); done | ipset restore &&
            iptables -N CROWDSEC_CHAIN && iptables -A CROWDSEC_CHAIN -m set --match-set crowdsec-blacklists-0 src -j DROP &&
            iptables -I INPUT -j CROWDSEC_CHAIN && iptables -I FORWARD -j CROWDSEC_CHAIN && iptables -I DOCKER-USER -j CROWDSEC_CHAIN'
        if ($LASTEXITCODE) { throw 'The block list could not be made.' }
    }

    AfterAll {
        Remove-FirewallRule -All -WarningAction Ignore | Out-Null
        # The kernel lets go of a set some time after its last rule.
        sh -c 'for chain in INPUT FORWARD DOCKER-USER; do iptables -D $chain -j CROWDSEC_CHAIN; done; iptables -F CROWDSEC_CHAIN; iptables -X CROWDSEC_CHAIN
            for i in 1 2 3 4 5 6 7 8 9; do ipset destroy crowdsec-blacklists-0 2>/dev/null && exit; sleep 0.2; done; exit 1'
    }

    It 'is true once each remedy that the audit names was done' {
        $before, $remedies, $after, $unread = Invoke-WithOwnFiles '
            Test-DockerNetworkHardening
            $remedies = for ($round = 0; $round -lt 4; $round++) {
                $failing = @(Get-DockerNetworkHardening -Severity Medium | Where-Object Status -notin Pass, NotApplicable)
                if (-not $failing) { break }
                foreach ($finding in $failing) { "$round $($finding.Id): $($finding.Remedy)" }
                $piped = @($failing | Where-Object Remedy -like "Pipe this finding to Invoke-FirewallRule*")
                if ($piped) { $piped | Invoke-FirewallRule | Out-Null }
                # systemd is not the first process here, so the method is named.
                if ($failing.Remedy -match "Save-FirewallRule") { Save-FirewallRule -Method Systemd | Out-Null }
            }
            , @($remedies)
            Test-DockerNetworkHardening
            @(Get-DockerNetworkHardening PART-READ | Where-Object Status -ne Pass).Count'
        $before | Should -BeFalse
        $after | Should -BeTrue -Because ($remedies -join "`n")
        $unread | Should -Be 0
        # And with real packets, beside a list that is as it was.
        Get-Reach a1 169.254.169.254 80 | Should -Be 'Refused'
        Get-Reach a1 203.0.113.25 80 | Should -Be 'Open'
        iptables -S DOCKER-USER | Should -Contain '-A DOCKER-USER -j CROWDSEC_CHAIN'
        @(ipset save crowdsec-blacklists-0).Count | Should -Be 10001
    }
}
