BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Export-DockerHostSnapshot, before any host is touched' {
    It 'refuses several hosts without a folder' {
        $record = Get-TerminatingError { Export-DockerHostSnapshot "$TestDrive/none.json" -HostName web1.invalid, web2.invalid }
        $record.FullyQualifiedErrorId | Should -BeLike 'InvalidPath,*'
        "$TestDrive/none.json" | Should -Not -Exist
    }

    It 'refuses two hosts with the same file' {
        (Get-TerminatingError { Export-DockerHostSnapshot $TestDrive -HostName web1.invalid:2222, web1.invalid_2222 }).FullyQualifiedErrorId | Should -BeLike 'InvalidPath,*'
    }

    It 'refuses a path that cannot be a file' {
        (Get-TerminatingError { Export-DockerHostSnapshot Env:/X }).FullyQualifiedErrorId | Should -BeLike 'InvalidPath,*'
        (Get-TerminatingError { Export-DockerHostSnapshot nowhere:/x }).FullyQualifiedErrorId | Should -BeLike 'InvalidPath,*'
    }

    It 'keeps a file that exists' {
        Set-Content "$TestDrive/old.json" old
        Export-DockerHostSnapshot "$TestDrive/old.json" -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed[0].FullyQualifiedErrorId | Should -BeLike 'AlreadyExists,*'
        $failed[0].ErrorDetails.RecommendedAction | Should -BeLike '*-Force*'
        Get-Content "$TestDrive/old.json" | Should -Be 'old'
    }

    It 'writes nothing with -WhatIf' {
        Export-DockerHostSnapshot "$TestDrive/whatif.json" -WhatIf
        "$TestDrive/whatif.json" | Should -Not -Exist
    }
}

Describe "Export-DockerHostSnapshot on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    It 'writes a file that holds the host, for its owner alone' {
        $file = Export-DockerHostSnapshot "$TestDrive/one.json"
        $file | Should -BeOfType ([IO.FileInfo])
        $file.FullName | Should -Be "$TestDrive/one.json"
        [string] $file.UnixFileMode | Should -Be 'UserWrite, UserRead'
        $snapshot = Get-Content $file -Raw | ConvertFrom-Json
        $snapshot.format | Should -Be 1
        $snapshot.hostName | Should -Be 'localhost'
        $snapshot.networks.name | Should -Contain 'apps'
        $snapshot.containers.name | Should -Contain 'c0'
        $snapshot.rules.IPv4 | Should -Match '-A FORWARD -j DOCKER-USER'
        $snapshot.routes.destination | Should -Contain '0.0.0.0/0'
        $snapshot.linkDetails | Where-Object name -EQ apps0 | ForEach-Object kind | Should -Be 'bridge'
        $snapshot.sysctls.'net.ipv4.ip_forward' | Should -Be 1
    }

    It 'names the file after the host in a folder, and replaces it only with -Force' {
        (Export-DockerHostSnapshot $TestDrive).Name | Should -Be 'localhost.json'
        Export-DockerHostSnapshot $TestDrive -ErrorAction SilentlyContinue -ErrorVariable failed | Should -BeNullOrEmpty
        $failed[0].FullyQualifiedErrorId | Should -BeLike 'AlreadyExists,*'
        (Export-DockerHostSnapshot $TestDrive -Force).Name | Should -Be 'localhost.json'
    }

    It 'always writes its file without Docker, and says what it lacks' {
        $docker = $env:DOCKER_HOST
        $env:DOCKER_HOST = "unix://$TestDrive/no.sock"
        try {
            1..20 | ForEach-Object {
                $file = Export-DockerHostSnapshot "$TestDrive/bare$_.json" -ErrorAction Stop -WarningVariable said -WarningAction SilentlyContinue
                "$said" | Should -BeLike '*What Docker knows is not in the snapshot: The socket*'
                (Get-Content $file -Raw | ConvertFrom-Json).rules.IPv4 | Should -Match 'DOCKER-USER'
                { Export-DockerHostSnapshot "$TestDrive/stopped$_.json" -WarningAction Stop 3>$null } | Should -Throw
                "$TestDrive/stopped$_.json" | Should -Exist
                { Export-HardeningPolicy "$TestDrive/policy$_.json" -ErrorAction Stop } | Should -Throw -ErrorId 'DockerNotInstalled,*'
                "$TestDrive/policy$_.json" | Should -Not -Exist
            }
        }
        finally { $env:DOCKER_HOST = $docker }
    }

    It 'changes nothing on the host' {
        $before = Get-TableText
        Export-DockerHostSnapshot "$TestDrive/two.json" | Should -Not -BeNullOrEmpty
        Get-TableText | Should -Be $before
    }
}
