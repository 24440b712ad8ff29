BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

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
