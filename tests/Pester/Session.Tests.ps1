# Hosts in PowerShell sessions that the user opened: real sessions to a pwsh in another network namespace.

BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

Describe "Hosts in sessions$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll {
        . $PSScriptRoot/Common.ps1
        Import-Module (Get-StagedModule) -Force
        $far = @{}
        $opened = [Collections.Generic.List[Management.Automation.Runspaces.PSSession]]::new()

        # Like Enter-PSHostProcess: a session to a process, over the pipe on which every pwsh listens.
        function New-FarSession([string] $Name, [string[]] $Through) {
            $space = "$env:DNH_LAB-$Name"
            if (-not $far.ContainsKey($Name)) {
                ip netns add $space
                ip -n $space link set lo up
                $far[$Name] = Start-Process nsenter -PassThru -RedirectStandardOutput TestDrive:/$Name.out -RedirectStandardError TestDrive:/$Name.err -ArgumentList @(
                    "--net=/run/netns/$space"; $Through; Get-PwshCommand; '-NoProfile', '-NonInteractive', '-Command', 'while ($true) { Start-Sleep 1 }')
                for ($i = 0; $i -lt 200 -and -not (Test-Path "/tmp/CoreFxPipe_PSHost.*.$($far[$Name].Id).None.*"); $i++) { Start-Sleep -Milliseconds 50 }
            }
            $runspace = [runspacefactory]::CreateRunspace([Management.Automation.Runspaces.NamedPipeConnectionInfo]::new($far[$Name].Id))
            $runspace.Open()
            $session = [Management.Automation.Runspaces.PSSession]::Create($runspace, 'Pipe', $null)
            # A session whose far end is going away is not closed, because that would wait for it.
            if ($Name -ne 'far3') { $opened.Add($session) }
            $session
        }
        function Get-FarRule([string] $Name) { & nsenter "--net=/run/netns/$env:DNH_LAB-$Name" iptables-save | Where-Object { $_ -like '*DNH-*' } }
        $rule = New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -Comment "it's `"mine`" `$(reboot)"
        $before = Get-TableText
    }

    # Whatever a test did: an open session would make the next one wait.
    AfterEach {
        Get-Job | Remove-Job -Force
        foreach ($session in $opened) { Remove-PSSession $session -ErrorAction Ignore }
        $opened.Clear()
    }

    AfterAll {
        foreach ($name in $far.Keys) {
            Stop-Process -Id $far[$name].Id -ErrorAction Ignore
            ip netns delete "$env:DNH_LAB-$name"
        }
    }

    It 'are read, changed and tested like any other, side by side, and this machine is left alone' {
        $one, $two = (New-FarSession far1), (New-FarSession far2)
        $results = $rule | Invoke-FirewallRule -Session $one, $two -CreateChain
        $results.Status | Should -Be 'Applied', 'Applied'
        # Docker has never run there: the chain and FORWARD's jump to it are ours.
        $results.Verified | Should -Be $true, $true
        # Both far ends call themselves localhost; their results must not pass for this machine's.
        $results.HostName | Sort-Object | Should -Be (@($one, $two) | ForEach-Object { "session:$($_.Name)" } | Sort-Object)
        foreach ($name in 'far1', 'far2') { Get-FarRule $name | Should -Not -BeNullOrEmpty }
        Get-TableText | Should -BeExactly $before
        (Get-FirewallRule -Session $one).Rule | Should -Be $rule
        $rule | Test-FirewallRule -Session $one, $two | Should -BeTrue
        ($rule | Invoke-FirewallRule -Session $one, $two).Status | Should -Be 'Unchanged', 'Unchanged'
        # What was read from several goes back to each.
        (Get-FirewallRule -Session $one, $two | Where-Object HostName -EQ "session:$($two.Name)" | Remove-FirewallRule -Session $one, $two).HostName | Should -Be "session:$($two.Name)"
        Get-FarRule far1 | Should -Not -BeNullOrEmpty
        Get-FarRule far2 | Should -BeNullOrEmpty
        # And never to this machine, or nowhere.
        { Get-FirewallRule -Session $one | Remove-FirewallRule -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidHostName,*'
        { Get-FirewallRule -Session $one | Remove-FirewallRule -Session $two -ErrorAction Stop } | Should -Throw -ErrorId 'AmbiguousTarget,*'
        "$($one.State)" | Should -Be 'Opened'
    }

    It 'are refused by name if they cannot be used: <What>' -ForEach @(
        @{ What = 'closed'; Break = { param($session) Remove-PSSession $session }; Reason = '*it is Closed*' }
        @{ What = 'in the constrained language'; Break = { param($session) Invoke-Command $session { $ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage' } }; Reason = '*ConstrainedLanguage*' }
        @{ What = 'busy'; Break = { param($session) $null = Invoke-Command $session { Start-Sleep 20 } -AsJob }; Reason = '*Busy*' }
    ) {
        $session = New-FarSession far1
        & $Break $session
        Get-FirewallRule -Session $session -ErrorAction SilentlyContinue -ErrorVariable failures | Should -BeNullOrEmpty
        $failures | Should -HaveCount 1
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'UnusableSession,*'
        "$($failures[0])" | Should -BeLike "The session to 'session:$($session.Name)' cannot be used: $Reason"
    }

    It 'cannot be named beside hosts for ssh' {
        $session = New-FarSession far1
        foreach ($more in @{ HostName = 'web1' }, @{ UserName = 'root' }, @{ Options = @{ ProxyJump = 'x' } }) {
            { Get-FirewallRule -Session $session @more -ErrorAction Stop } | Should -Throw -ErrorId 'AmbiguousTarget,*'
        }
    }

    It 'are given up if the program there is silent for too long' {
        # A separate far end: its PATH leads to an iptables-save that hangs.
        $session = New-FarSession far4
        $folder = New-Item -ItemType Directory TestDrive:/hangs
        Set-Content "$folder/iptables-save" '#!/bin/sh', 'exec sleep 60'
        chmod +x "$folder/iptables-save"
        # The clock should measure the limit, not a far PowerShell that runs the program for the first time.
        Get-FirewallRule -Session $session | Should -BeNullOrEmpty
        Invoke-Command $session { param($folder) $env:PATH = "${folder}:$env:PATH" } -ArgumentList "$folder"
        # First the limit that the far end notices itself: after the other one it may be busy for a moment.
        foreach ($limit in 'IdleTimeout', 'CommandTimeout') {
            $more = @{ $limit = '00:00:02' }
            $clock = [Diagnostics.Stopwatch]::StartNew()
            Get-FirewallRule -Session $session @more -ErrorAction SilentlyContinue -ErrorVariable failures | Should -BeNullOrEmpty
            $clock.Elapsed.TotalSeconds | Should -BeLessThan 25
            $failures.FullyQualifiedErrorId | Should -BeLike 'HostTimeout,*'
            "$($failures[0])" | Should -BeLike "*-$limit*"
        }
    }

    It 'are given up if they answer with anything but texts and numbers' {
        $session = New-FarSession far6
        # [Diagnostics.Process] means System.Diagnostics.Process only while nothing else has that name.
        Invoke-Command $session {
            Add-Type 'namespace Diagnostics { public sealed class Process : System.IDisposable {
                private System.Diagnostics.Process real;
                public static Process Start(System.Diagnostics.ProcessStartInfo start) { return new Process { real = System.Diagnostics.Process.Start(start) }; }
                public System.IO.StreamWriter StandardInput { get { return real.StandardInput; } }
                public System.IO.StreamReader StandardOutput { get { return real.StandardOutput; } }
                public System.IO.StreamReader StandardError { get { return real.StandardError; } }
                public bool HasExited { get { return real.HasExited; } }
                public object ExitCode { get { return new object[] { new byte[1000000] }; } }
                public bool WaitForExit(int milliseconds) { return real.WaitForExit(milliseconds); }
                public void Kill(bool all) { real.Kill(all); }
                public void Dispose() { real.Dispose(); }
            } }'
        }
        Get-FirewallRule -Session $session -ErrorAction SilentlyContinue -ErrorVariable failures | Should -BeNullOrEmpty
        $failures.FullyQualifiedErrorId | Should -BeLike 'HostBadReply,*'
        "$($failures[0])" | Should -BeLike '*neither text nor a number*Whether the work there was done is unknown*'
    }

    It 'say of a change that took too long that it may have been made: <_>' -ForEach 'CommandTimeout', 'IdleTimeout' {
        $session = New-FarSession far7
        $rule | Invoke-FirewallRule -Session $session -CreateChain -Force -WarningAction Ignore | Out-Null
        $folder = New-Item -ItemType Directory -Force TestDrive:/slow
        foreach ($name in 'iptables-restore', 'iptables-nft-restore', 'iptables-legacy-restore') {
            Set-Content "$folder/$name" '#!/bin/sh', 'cat >/dev/null; sleep 8; exit 1'
            chmod +x "$folder/$name"
        }
        Invoke-Command $session { param($folder) $env:PATH = "${folder}:$env:PATH" } -ArgumentList "$folder"
        $more = @{ $_ = '00:00:03' }
        New-FirewallRule -Action Drop -RemoteAddress 10.0.0.9 | Invoke-FirewallRule -Session $session -Force @more -WarningAction Ignore -ErrorAction SilentlyContinue -ErrorVariable failures | Should -BeNullOrEmpty
        $failures.FullyQualifiedErrorId | Should -BeLike 'HostTimeout,*'
        "$($failures[0]) $($failures[0].ErrorDetails.RecommendedAction)" | Should -BeLike "*Whether the work there was done is unknown*-$_*"
    }

    It 'are given up if the sh there does not read a large program, which ends there: <_>' -ForEach 'Ctrl-C', 'CommandTimeout', 'IdleTimeout' {
        # A far end with a sh of its own: a mount that only it sees.
        $folder = (New-Item -ItemType Directory "TestDrive:/deaf-$_").FullName
        Add-DeafProgram "$folder/sh"
        Set-Content "$folder/start" '#!/bin/bash', 'mount --bind "${0%/*}/sh" /bin/sh || exit 1', 'exec "$@"'
        chmod 755 "$folder/start"
        $session = New-FarSession "far5$_" -Through unshare, --mount, --propagation, private, "$folder/start"
        $shell = New-TestShell
        $more = $_ -eq 'Ctrl-C' ? @{} : @{ $_ = [timespan]::FromSeconds(20) }
        $running = $shell.AddScript('param($lines, $session, $more) $lines | Invoke-FirewallRule -Session $session -CreateChain -Force @more').AddArgument(@(Get-ManyRule)).AddArgument($session).AddArgument($more).BeginInvoke()
        Assert-GivenUp $shell $running (Wait-DeafProgram "$folder/sh") $_
    }
}

Describe "Sessions over ssh$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll {
        . $PSScriptRoot/Common.ps1
        Import-Module (Get-StagedModule) -Force
        $fleet = Enter-TestFleet 2
        $all = $fleet.hosts.name
        function Get-FarLine([int] $Number) { & nsenter "--net=/run/netns/$($fleet.hosts[$Number - 1].namespace)" iptables-save | Where-Object { $_ -like '*DNH-*' } }
    }

    AfterAll { Exit-TestFleet $fleet }

    # The one user whose login shell reads no rc file: PowerShell's own transport mistakes the output of such files for its protocol. sudo gives it its rights.
    BeforeEach {
        $sessions = @()
        # Opened side by side: they arrive as each is ready.
        $sessions = @(New-PSSession -HostName $all -UserName in-dash | Sort-Object ComputerName)
    }

    AfterEach {
        Remove-FirewallRule -All -HostName $all | Out-Null
        $sessions | Remove-PSSession -ErrorAction Ignore
    }

    It 'harden the hosts at their ends, each with its own bridges, Docker asked there too' {
        $results = & { Block-ContainerHostAccess; Block-ContainerMetadataAccess } | Invoke-FirewallRule -Sudo -Session $sessions
        $results.HostName | Sort-Object | Should -Be $all
        $results.Status | Select-Object -Unique | Should -Be 'Applied'
        $results.Verified | Should -Not -Contain $false
        foreach ($number in 1, 2) { Get-FarLine $number | Where-Object { $_ -like "*-i apps$number *" } | Should -Not -BeNullOrEmpty }
        Block-ContainerMetadataAccess | Test-FirewallRule -Sudo -Session $sessions | Should -BeTrue
        # The same host, by ssh.
        (Block-ContainerMetadataAccess | Invoke-FirewallRule -HostName $all).Status | Select-Object -Unique | Should -Be 'Unchanged'
        $sessions.State | Select-Object -Unique | Should -Be 'Opened'
    }

    It 'wait for a person with a rollback: confirmed it stays, otherwise the host takes it back' {
        $kept = Block-ContainerMetadataAccess | Invoke-FirewallRule -Sudo -Session $sessions[0] -RollbackAfter 4
        "$($kept.Status)", $kept.Verified | Should -Be 'AwaitingConfirmation', $true
        ($kept | Confirm-FirewallChange -Sudo -Session $sessions[0] -Confirm:$false).Status | Should -Be 'Confirmed'
        $lost = Block-ContainerMetadataAccess | Invoke-FirewallRule -Sudo -Session $sessions[1] -RollbackAfter 4
        "$($lost.Status)" | Should -Be 'AwaitingConfirmation'
        Get-FarLine 2 | Should -Not -BeNullOrEmpty
        # The session's end does not end the timer.
        Remove-PSSession $sessions[1]
        for ($i = 0; $i -lt 120 -and (Get-FarLine 2); $i++) { Start-Sleep -Milliseconds 100 }
        Get-FarLine 2 | Should -BeNullOrEmpty
        Get-FarLine 1 | Should -Not -BeNullOrEmpty
        $lost | Confirm-FirewallChange -HostName "in-dash@$($all[1])" -Confirm:$false -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures.FullyQualifiedErrorId | Should -BeLike 'RolledBack,*'
    }
}
