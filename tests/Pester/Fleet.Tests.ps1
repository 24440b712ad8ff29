# Three Docker hosts with sshd in namespaces, and an ssh client that reaches them.

BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

Describe "A fleet$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll {
        . $PSScriptRoot/Common.ps1
        Import-Module (Get-StagedModule) -Force
        $fleet = Enter-TestFleet 3
        $all = $fleet.hosts.name
        function Invoke-OnHost([int] $Number, [string[]] $Command) { & nsenter "--net=/run/netns/$($fleet.hosts[$Number - 1].namespace)" $Command[0] @($Command | Select-Object -Skip 1) }
        # Rules and jumps of ours on a host, without counters.
        function Get-OurLine([int] $Number) { @(Invoke-OnHost $Number iptables-save; Invoke-OnHost $Number ip6tables-save) | Where-Object { $_ -like '*DNH-*' } }
    }

    AfterAll { Exit-TestFleet $fleet }

    AfterEach { Remove-FirewallRule -All -HostName $all | Out-Null }

    It 'is hardened in one pipeline, each host with its own bridges and pools' {
        $results = & { Block-ContainerMetadataAccess; Block-ContainerHostAccess } | Invoke-FirewallRule -HostName $all
        $results.HostName | Sort-Object | Should -Be $all
        $results.Status | Select-Object -Unique | Should -Be 'Applied'
        $results.Verified | Should -Not -Contain $false
        foreach ($number in 1..3) {
            $lines = Get-OurLine $number
            $lines | Where-Object { $_ -like "*-i apps$number *" } | Should -Not -BeNullOrEmpty
            $lines | Where-Object { $_ -like "*-s 10.10$number.0.0/16*" } | Should -Not -BeNullOrEmpty
            $lines | Where-Object { $_ -match "-i apps[$((1..3 | Where-Object { $_ -ne $number }) -join '')] " } | Should -BeNullOrEmpty
        }
        (& { Block-ContainerMetadataAccess; Block-ContainerHostAccess } | Invoke-FirewallRule -HostName $all).Status | Select-Object -Unique | Should -Be 'Unchanged'
        & { Block-ContainerMetadataAccess; Block-ContainerHostAccess } | Test-FirewallRule -HostName $all | Should -BeTrue
        Remove-FirewallRule -All -HostName $all[1] | Out-Null
        Block-ContainerMetadataAccess | Test-FirewallRule -HostName $all | Should -BeFalse
    }

    It 'is named by a file of hosts' {
        $csv = "HostName,UserName,Port`n$($all[0]),root,22`n$($all[1]),,`n$($all[2]),ops,"
        Set-Content TestDrive:/hosts.csv $csv
        $results = Import-Csv TestDrive:/hosts.csv | Invoke-FirewallRule -Rule (Set-SmtpRateLimit) -Sudo
        $results.HostName | Sort-Object | Should -Be $all
        $results.Status | Select-Object -Unique | Should -Be 'Applied'
        $rules = Import-Csv TestDrive:/hosts.csv | Get-FirewallRule -Control SmtpRate
        ($rules | Group-Object HostName).Name | Sort-Object | Should -Be $all
        # What was read from each host goes back to that host.
        $rules | Where-Object HostName -NE $all[2] | Remove-FirewallRule | Out-Null
        (Get-FirewallRule -HostName $all).HostName | Select-Object -Unique | Should -Be $all[2]
    }

    It 'is not held up by a dead host, which gives one error within its time' {
        $arrived = @{}
        $clock = [Diagnostics.Stopwatch]::StartNew()
        Set-SmtpRateLimit | Invoke-FirewallRule -HostName (@($fleet.deadHost) + $all) -ConnectingTimeout 4000 -ErrorAction SilentlyContinue -ErrorVariable failures |
            ForEach-Object { $arrived[$_.HostName] = $clock.Elapsed.TotalSeconds }
        $total = $clock.Elapsed.TotalSeconds
        $failures | Should -HaveCount 1
        $failures[0].FullyQualifiedErrorId, $failures[0].TargetObject | Should -Be 'HostUnreachable,DockerNetHarden.Commands.InvokeFirewallRuleCommand', $fleet.deadHost
        $arrived.Keys | Sort-Object | Should -Be $all
        ($arrived.Values | Measure-Object -Maximum).Maximum | Should -BeLessThan 3.9
        $total | Should -BeLessThan 7
    }

    It 'refuses a host whose key is <What>, and says what to do' -ForEach @(@{ What = 'unknown'; Id = 'UnknownHostKey'; Remedy = '*fingerprint*' }, @{ What = 'changed'; Id = 'ChangedHostKey'; Remedy = '*ssh-keygen -R*' }) {
        $known = Get-Content $fleet.knownHosts -Raw
        Get-FirewallRule -HostName "$($all[0])-$What" -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures.FullyQualifiedErrorId | Should -BeLike "$Id,*"
        $failures.CategoryInfo.Category | Should -Be 'SecurityError'
        "$($failures[0])" | Should -BeLike $Remedy
        Get-Content $fleet.knownHosts -Raw | Should -BeExactly $known
    }

    It 'says that sudo wants a password, and does not hang' {
        $clock = [Diagnostics.Stopwatch]::StartNew()
        Get-FirewallRule -HostName $all[0] -UserName asks -ErrorAction SilentlyContinue -ErrorVariable failures
        $clock.Elapsed.TotalSeconds | Should -BeLessThan 25
        $failures.FullyQualifiedErrorId | Should -BeLike 'NoPermission,*'
        "$($failures[0])" | Should -BeLike '*sudo*'
    }

    It 'is changed by a user with sudo, Docker asked by sudo too' {
        $result = Block-ContainerHostAccess | Invoke-FirewallRule -HostName "ops@$($all[1])" -Sudo
        $result.Status, $result.HostName, $result.Verified | Should -Be @('Applied', "ops@$($all[1])", $true)
        Get-OurLine 2 | Where-Object { $_ -like '*-i apps2 *' } | Should -Not -BeNullOrEmpty
    }

    It 'prints each host''s own lines under -WhatIf and changes none' {
        $before = 1..3 | ForEach-Object { @(Invoke-OnHost $_ iptables-save) -notmatch '^#' -replace '\[\d+:\d+\]' }
        $printed = Invoke-Pwsh "Import-Module '$(Get-StagedModule)'; Block-ContainerHostAccess | Invoke-FirewallRule -HostName $($all -join ',') -WhatIf | ForEach-Object Status"
        1..3 | ForEach-Object { @(Invoke-OnHost $_ iptables-save) -notmatch '^#' -replace '\[\d+:\d+\]' } | Should -Be $before
        @($printed -match '^What if: ').Count | Should -Be 3
        @($printed -eq 'Planned').Count | Should -Be 3
        foreach ($number in 1..3) {
            $printed -match "On $($all[$number - 1])," | Should -HaveCount 1
            $printed -match "^\+ iptables .*-i apps$number " | Should -Not -BeNullOrEmpty
        }
    }

    It 'gets a hardened network on each host, and the same again' {
        try {
            $made = New-HardenedDockerNetwork -Name external -Profile ExternalOnly -HostName $all
            $made.Status | Select-Object -Unique | Should -Be 'Created'
            $made.HostName | Sort-Object | Should -Be $all
            $made.Subnet | Sort-Object -Unique | Should -HaveCount 3
            $made.Verified | Should -Not -Contain $false
            ($made | Invoke-FirewallRule).Status | Select-Object -Unique | Should -Be 'Unchanged'
            foreach ($network in $made) {
                $rules = Get-FirewallRule -HostName $network.HostName -Network external
                $rules | Where-Object { $_.Text -like '*-i dnh-external *' } | Should -Not -BeNullOrEmpty
            }
            (New-HardenedDockerNetwork -Name external -Profile ExternalOnly -HostName $all).Status | Select-Object -Unique | Should -Be 'Exists'
            New-HardenedDockerNetwork -Name external -Profile Isolated -HostName $all -ErrorAction SilentlyContinue -ErrorVariable failures | Should -BeNullOrEmpty
            $failures | Should -HaveCount 3
            $failures[0].FullyQualifiedErrorId | Should -BeLike 'NetworkDiffers,*'
            $found = Get-DockerNetwork external -HostName $all
            $found.HostName | Sort-Object | Should -Be $all
            $found.Profile | Select-Object -Unique | Should -Be 'ExternalOnly'
        }
        finally { foreach ($number in 1..3) { docker -H $fleet.hosts[$number - 1].dockerHost network rm external | Out-Null } }
    }

    It 'gets a network by a user whose way to Docker is sudo, and without -Sudo an error that says so' {
        try {
            $failure = Get-TerminatingError { New-HardenedDockerNetwork -Name bysudo -HostName "ops@$($all[0])" }
            $failure.FullyQualifiedErrorId | Should -BeLike 'DockerNoPermission,*'
            "$failure" | Should -BeLike '*-Sudo*'
            $made = New-HardenedDockerNetwork -Name bysudo -HostName "ops@$($all[0])" -Sudo
            $made.Status, $made.HostName | Should -Be 'Created', "ops@$($all[0])"
            (Get-DockerNetwork bysudo -HostName $all[0]).Id | Should -Be $made.Id
        }
        finally { docker -H $fleet.hosts[0].dockerHost network rm bysudo 2>$null | Out-Null }
    }

    It 'asks with -Sudo the engine that DOCKER_HOST names there' {
        $call = @{ HostName = "ops@$($all[0])"; Sudo = $true }
        (Get-DockerNetwork apps @call -Options @{ SetEnv = 'DOCKER_HOST=unix:///var/run/docker.sock' }).Name | Should -Be 'apps'
        $failure = Get-TerminatingError { Get-DockerNetwork apps @call -Options @{ SetEnv = 'DOCKER_HOST=unix:///run/other.sock' } -ErrorAction Stop }
        $failure.FullyQualifiedErrorId | Should -BeLike 'Docker*'
        "$failure" | Should -BeLike '*/run/other.sock*'
    }

    It 'is given up if it is silent for longer than -IdleTimeout or works longer than -CommandTimeout' {
        $folder = New-Item -ItemType Directory TestDrive:/silent
        # An ssh that gets in and then goes silent: it answers only the first frame.
        Set-Content "$folder/ssh" '#!/bin/sh', 'read -r line', 'n=${line#dnh_}', 'printf "\n@%s begin id\n" "${n%%(*}"', 'exec sleep 60'
        chmod +x "$folder/ssh"
        $path = $env:PATH
        try {
            $env:PATH = "${folder}:$path"
            foreach ($limit in 'IdleTimeout', 'CommandTimeout') {
                $more = @{ $limit = '00:00:01.5' }
                $clock = [Diagnostics.Stopwatch]::StartNew()
                Get-FirewallRule -HostName silent @more -ErrorAction SilentlyContinue -ErrorVariable failures | Should -BeNullOrEmpty
                $clock.Elapsed.TotalSeconds | Should -BeLessThan 20
                $failures.FullyQualifiedErrorId | Should -BeLike 'HostTimeout,*'
                "$($failures[0])" | Should -BeLike "*-$limit*"
            }
        }
        finally { $env:PATH = $path }
        { Get-FirewallRule -HostName silent -IdleTimeout 30 } | Should -Throw -ErrorId 'InvalidArgument,*' -ExpectedMessage '*00:00:30*'
    }

    It 'shows how many hosts are done and in flight' {
        $shell = New-TestShell
        $null = $shell.AddScript('param($hosts) Get-FirewallRule -HostName $hosts -ThrottleLimit 2').AddArgument($all).Invoke()
        $shell.Streams.Progress.StatusDescription | Should -Be '1 of 3 hosts done, 2 in flight', '2 of 3 hosts done, 1 in flight', '3 of 3 hosts done, 0 in flight'
        "$($shell.Streams.Progress[-1].RecordType)" | Should -Be 'Completed'
        $shell.Dispose()
    }

    It 'stops within a second while ssh works, and leaves each host as it was or as asked for' {
        $shell = New-TestShell
        $running = $shell.AddScript('param($hosts) Block-ContainerMetadataAccess | Invoke-FirewallRule -HostName $hosts').AddArgument($all).BeginInvoke()
        for ($i = 0; $i -lt 400 -and @(Get-SshChild).Count -lt 3; $i++) { Start-Sleep -Milliseconds 10 }
        @(Get-SshChild) | Should -Not -BeNullOrEmpty
        $stopped = Stop-TestShell $shell
        $stopped.Milliseconds | Should -BeLessThan 5000
        $stopped.State | Should -Be 'Stopped'
        $running.IsCompleted | Should -BeTrue
        for ($i = 0; $i -lt 40 -and @(Get-SshChild).Count -gt 0; $i++) { Start-Sleep -Milliseconds 50 }
        Get-SshChild | Should -BeNullOrEmpty
        $shell.Dispose()
        foreach ($number in 1..3) {
            $whole = Block-ContainerMetadataAccess | Test-FirewallRule -HostName $all[$number - 1]
            $whole -or @(Get-OurLine $number).Count -eq 0 | Should -BeTrue
        }
    }
}
