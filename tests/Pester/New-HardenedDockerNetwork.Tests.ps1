BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'New-HardenedDockerNetwork and bad input' {
    # Docker must not be asked: this endpoint would be a different error.
    BeforeAll {
        $docker = $env:DOCKER_HOST
        $env:DOCKER_HOST = 'unix:///nowhere/docker.sock'
    }

    AfterAll { $env:DOCKER_HOST = $docker }

    It 'refuses <What>' -ForEach @(
        @{ What = 'a bridge name of 16 characters'; Bad = @{ BridgeName = 'sixteen-chars-xx' }; Id = 'InvalidNetwork' }
        @{ What = 'a bridge name with a slash'; Bad = @{ BridgeName = 'a/b' }; Id = 'InvalidNetwork' }
        @{ What = 'a bridge name that is a wildcard'; Bad = @{ BridgeName = 'br+' }; Id = 'InvalidNetwork' }
        @{ What = 'a name with shell words'; Bad = @{ Name = '$(reboot)' }; Id = 'InvalidName' }
        @{ What = 'a subnet with host bits'; Bad = @{ Subnet = '10.9.0.1/24' }; Id = 'InvalidAddress' }
        @{ What = 'a gateway outside its subnet'; Bad = @{ Subnet = '10.9.0.0/24'; Gateway = '10.8.0.1' }; Id = 'InvalidNetwork' }
        @{ What = 'two subnets of one family'; Bad = @{ Subnet = '10.8.0.0/24', '10.9.0.0/24' }; Id = 'InvalidNetwork' }
        @{ What = 'the profile''s own label'; Bad = @{ Label = @{ 'io.dockernetharden.profile' = 'x' } }; Id = 'InvalidNetwork' }
        @{ What = 'the bridge name as an option'; Bad = @{ Option = @{ 'com.docker.network.bridge.name' = 'x' } }; Id = 'InvalidNetwork' }
    ) {
        $arguments = @{ Name = 'web' } + @{}
        foreach ($key in $Bad.Keys) { $arguments[$key] = $Bad[$key] }
        $failure = Get-TerminatingError { New-HardenedDockerNetwork @arguments }
        $failure.FullyQualifiedErrorId | Should -Be "$Id,DockerNetHarden.Commands.NewHardenedDockerNetworkCommand"
    }

    It 'refuses an unknown profile and names those that there are' { { New-HardenedDockerNetwork web Secret } | Should -Throw '*ExternalOnly*' }

    It 'ends with an error if Docker is not there' { { New-HardenedDockerNetwork web } | Should -Throw -ErrorId 'DockerNotInstalled,*' }
}

Describe "New-HardenedDockerNetwork on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll {
        Add-TestHost
        function Remove-TestNetwork {
            foreach ($name in 'web', 'a-rather-long-name', 'external') { if (docker network ls -q -f "name=^$name`$") { docker network rm $name | Out-Null } }
        }
    }

    AfterEach {
        Remove-FirewallRule -All | Out-Null
        docker rm -f w1 2>$null | Out-Null
        Remove-TestNetwork
    }

    It 'makes a network with a fixed bridge name and its profile in the label' {
        $made = New-HardenedDockerNetwork web ExternalOnly -Label @{ team = 'x' }
        $made.Status, $made.Bridge, $made.Profile, $made.HostName | Should -Be @('Created', 'dnh-web', 'ExternalOnly', 'localhost')
        $inspected = docker network inspect web | ConvertFrom-Json
        $made.Id | Should -Be $inspected.Id
        $made.Subnet | Should -Be $inspected.IPAM.Config[0].Subnet
        $inspected.Labels.'io.dockernetharden.profile', $inspected.Labels.team | Should -Be @('ExternalOnly', 'x')
        $inspected.Options.'com.docker.network.bridge.name' | Should -Be 'dnh-web'
        ip -o link show dev dnh-web | Should -Not -BeNullOrEmpty
        (Get-DockerNetwork web).Profile | Should -Be 'ExternalOnly'
    }

    It 'finds it the second time' {
        $first = New-HardenedDockerNetwork web -Subnet 10.9.0.0/24 -Gateway 10.9.0.1 -DisableIcc
        $second = New-HardenedDockerNetwork web -Subnet 10.9.0.0/24 -Gateway 10.9.0.1 -DisableIcc
        $second.Status, $second.Id, $second.Subnet, $second.Gateway | Should -Be @('Exists', $first.Id, '10.9.0.0/24', '10.9.0.1')
        "$($second.Rules)" | Should -BeExactly "$($first.Rules)"
    }

    It 'adopts the network that the guide of Cortex XSOAR makes, and all who read a profile know it' {
        docker network create -d bridge -o com.docker.network.bridge.name=docker-external external | Out-Null
        Start-LabContainer w1 external
        $adopted = New-HardenedDockerNetwork external ExternalOnly
        $adopted.Status, $adopted.Bridge | Should -Be @('Adopted', 'docker-external')
        ($adopted | Invoke-FirewallRule).Verified | Should -BeTrue
        Get-Reach w1 172.31.5.4 8080 | Should -Be 'Refused'
        Get-Reach w1 10.0.0.5 80 | Should -Be 'Refused'
        Get-Reach w1 203.0.113.25 80 | Should -Be 'Open'

        (Get-DockerNetwork external).Profile | Should -Be 'ExternalOnly'
        (Get-DockerNetworkHardening -Network external -Id INTERNAL-ACCESS).Status | Should -Be 'Pass'
        Export-HardeningPolicy TestDrive:/policy.json -Force | Out-Null
        (Get-Content TestDrive:/policy.json | ConvertFrom-Json).networks | ForEach-Object { "$($_.name) $($_.profile) $($_.bridge)" } | Should -Be 'external ExternalOnly docker-external'
        (Import-HardeningPolicy TestDrive:/policy.json | Invoke-FirewallRule).Status | Should -Be 'Unchanged'
        (Get-DockerNetwork external | Block-ContainerHostAccess | Invoke-FirewallRule).Status | Should -Be 'Unchanged'
        (Get-DockerNetwork external | Block-ContainerHostAccess -Action Drop | Invoke-FirewallRule).Verified | Should -BeTrue
        (Get-DockerNetwork external).Profile | Should -Be 'ExternalOnly'
        Remove-FirewallRule -Network external | Out-Null
        (Get-DockerNetwork external).Profile | Should -BeNullOrEmpty
    }

    It 'names the commands for a network that it cannot adopt' {
        docker network create -d bridge -o com.docker.network.bridge.name=docker-external external | Out-Null
        $failure = Get-TerminatingError { New-HardenedDockerNetwork external Isolated }
        $failure.FullyQualifiedErrorId | Should -BeLike 'NetworkDiffers,*'
        $failure.ErrorDetails.RecommendedAction | Should -BeLike '*Block-ContainerInternalAccess -Network external } | Invoke-FirewallRule*'
    }

    It 'lists the differences of a network of that name with other settings, and changes nothing' {
        $first = New-HardenedDockerNetwork web
        $failure = Get-TerminatingError { New-HardenedDockerNetwork web ExternalOnly -Subnet 10.9.0.0/24 -BridgeName other0 }
        $failure.FullyQualifiedErrorId | Should -Be 'NetworkDiffers,DockerNetHarden.Commands.NewHardenedDockerNetworkCommand'
        foreach ($part in 'bridge name: asked for other0, is dnh-web', 'subnet: asked for 10.9.0.0/24', 'profile: asked for ExternalOnly, is Default') { "$failure" | Should -BeLike "*$part*" }
        (docker network inspect web | ConvertFrom-Json).Id | Should -Be $first.Id
    }

    It 'has its rules from the beginning, and nothing changes the second time' {
        Block-ContainerMetadataAccess -Provider Gcp | Invoke-FirewallRule | Out-Null
        $made = New-HardenedDockerNetwork web ExternalOnly -WarningVariable warnings
        $warnings | Should -BeNullOrEmpty
        $made.Status, $made.Verified | Should -Be @('Created', $true)
        $made | Test-FirewallRule | Should -BeTrue
        $rules = (Get-FirewallRule).Text -join "`n"
        $again = New-HardenedDockerNetwork web ExternalOnly
        $again.Status, $again.Verified | Should -Be @('Exists', $true)
        ($made | Invoke-FirewallRule).Status | Should -Be 'Unchanged'
        (Get-FirewallRule).Text -join "`n" | Should -BeExactly $rules
    }

    It 'writes again what somebody removed from a network that exists' {
        New-HardenedDockerNetwork web ExternalOnly | Out-Null
        Remove-FirewallRule -Network web | Out-Null
        $planned = New-HardenedDockerNetwork web ExternalOnly -WhatIf
        $planned.Status, $planned.Verified | Should -Be @('Exists', $false)
        Get-FirewallRule -Network web | Should -BeNullOrEmpty
        (New-HardenedDockerNetwork web ExternalOnly).Verified | Should -BeTrue
        Get-FirewallRule -Network web | Should -Not -BeNullOrEmpty
    }

    It 'makes no network if its rules cannot be written, and takes its rules back if Docker refuses it' {
        # In INPUT, the interface of the host's other clients.
        $failure = Get-TerminatingError { New-HardenedDockerNetwork web -BridgeName lo }
        $failure.FullyQualifiedErrorId | Should -BeLike 'NeedsForce,*'
        "$failure" | Should -BeLike "*The network 'web' was not made: its rules come first*"
        $failure = Get-TerminatingError { New-HardenedDockerNetwork web -Option @{ 'com.docker.network.bridge.enable_ip_masquerade' = 'perhaps' } }
        $failure.FullyQualifiedErrorId | Should -BeLike 'Docker*,*'
        "$failure" | Should -BeLike '*The rules that were written for it were taken back*'
        Get-FirewallRule | Should -BeNullOrEmpty
        docker network ls -q -f 'name=^web$' | Should -BeNullOrEmpty
    }

    It 'emits a plan with its rules under -WhatIf, and makes nothing' {
        $planned = New-HardenedDockerNetwork web -WhatIf
        $planned.Status, $planned.Id, $planned.Bridge | Should -Be @('Planned', $null, 'dnh-web')
        $planned.Rules.Count | Should -BeGreaterThan 0
        docker network ls -q -f 'name=^web$' | Should -BeNullOrEmpty
        Get-FirewallRule | Should -BeNullOrEmpty
    }

    It 'asks under -Confirm, and makes nothing if the answer is no' {
        $answering = [DockerNetHardenTest.AnsweringHost]::new()
        $answering.Answers.Answer = 2
        $shell = New-TestShell $answering
        $result = $shell.AddScript('New-HardenedDockerNetwork web -Confirm').Invoke()
        $shell.Dispose()
        $answering.Answers.Questions.Count | Should -Be 1
        $answering.Answers.Questions[0] | Should -BeLike "*'web'*dnh-web*+ iptables*"
        $result.Status | Should -Be 'Planned'
        docker network ls -q -f 'name=^web$' | Should -BeNullOrEmpty
    }

    It 'gives a long name a bridge of 15 characters that does not change' {
        $made = New-HardenedDockerNetwork a-rather-long-name
        $made.Bridge | Should -Match '^dnh_a-ra[0-9a-f]{7}$'
        (New-HardenedDockerNetwork a-rather-long-name).Status | Should -Be 'Exists'
    }

    It 'passes on what Docker refuses' {
        { New-HardenedDockerNetwork web -BridgeName apps0 } | Should -Throw -ErrorId 'Docker*,*'
    }

    It 'makes an Isolated network without a way out' { New-HardenedDockerNetwork web Isolated | Out-Null; (Get-DockerNetwork web).Internal | Should -BeTrue }

    It 'has rules that are applied by piping it on, also from JSON: <Profile> reaches metadata <Metadata>, the host <TheHost>, an internal host <Internal>, the web <Web>' -ForEach @(
        @{ Profile = 'Default'; Metadata = 'Refused'; TheHost = 'Refused'; Internal = 'Open'; Web = 'Open' }
        @{ Profile = 'MetadataAccess'; Metadata = 'Open'; TheHost = 'Refused'; Internal = 'Open'; Web = 'Open' }
        @{ Profile = 'ExternalOnly'; Metadata = 'Refused'; TheHost = 'Refused'; Internal = 'Refused'; Web = 'Open' }
    ) {
        Block-ContainerMetadataAccess | Invoke-FirewallRule | Out-Null
        $network = New-HardenedDockerNetwork web $Profile
        ($network | Invoke-FirewallRule).Verified | Should -BeTrue
        ($network | ConvertTo-Json | ConvertFrom-Json | Invoke-FirewallRule).Status | Should -Be 'Unchanged'
        $network | Export-Clixml TestDrive:/network.xml
        (Import-Clixml TestDrive:/network.xml | Invoke-FirewallRule).Status | Should -Be 'Unchanged'
        $network | Test-FirewallRule | Should -BeTrue
        Start-LabContainer w1 web
        Get-Reach w1 169.254.169.254 80 | Should -Be $Metadata
        Get-Reach w1 172.31.5.4 8080 | Should -Be $TheHost
        Get-Reach w1 10.0.0.5 80 | Should -Be $Internal
        Get-Reach w1 203.0.113.25 80 | Should -Be $Web
        Get-Reach c0 169.254.169.254 80 | Should -Be 'Refused'
    }

    It 'has rules that can be applied before the network exists' {
        $planned = New-HardenedDockerNetwork web ExternalOnly -Subnet 10.9.0.0/24 -WhatIf
        ($planned | Invoke-FirewallRule -ErrorAction Stop).Verified | Should -BeTrue
        New-HardenedDockerNetwork web ExternalOnly -Subnet 10.9.0.0/24 | Invoke-FirewallRule | ForEach-Object Status | Should -Be 'Unchanged'
    }
}
