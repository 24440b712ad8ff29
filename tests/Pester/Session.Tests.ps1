# Hosts in PowerShell sessions that the user opened: real sessions to a pwsh in another network namespace.

BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

Describe "Hosts in sessions$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll {
        . $PSScriptRoot/Common.ps1
        Import-Module (Get-StagedModule) -Force
        $pwsh = (Get-Process -Id $PID).Path
        $far = @{}

        # As Enter-PSHostProcess does it: a session to a process, over the pipe that every pwsh listens on.
        function New-FarSession([string] $Name) {
            $space = "$env:DNH_LAB-$Name"
            if (-not $far.ContainsKey($Name)) {
                ip netns add $space
                ip -n $space link set lo up
                $far[$Name] = Start-Process nsenter -PassThru -RedirectStandardOutput TestDrive:/$Name.out -RedirectStandardError TestDrive:/$Name.err -ArgumentList @(
                    "--net=/run/netns/$space", $pwsh, '-NoProfile', '-NonInteractive', '-Command', 'while ($true) { Start-Sleep 1 }')
                for ($i = 0; $i -lt 200 -and -not (Test-Path "/tmp/CoreFxPipe_PSHost.*.$($far[$Name].Id).None.*"); $i++) { Start-Sleep -Milliseconds 50 }
            }
            $runspace = [runspacefactory]::CreateRunspace([Management.Automation.Runspaces.NamedPipeConnectionInfo]::new($far[$Name].Id))
            $runspace.Open()
            [Management.Automation.Runspaces.PSSession]::Create($runspace, 'Pipe', $null)
        }
        function Get-FarRule([string] $Name) { & nsenter "--net=/run/netns/$env:DNH_LAB-$Name" iptables-save | Where-Object { $_ -like '*DNH-*' } }
        $rule = New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -Comment "it's `"mine`" `$(reboot)"
        $before = Get-TableText
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
        # Docker has never run there, so nothing jumps to the chain that was made: applied, and said not to be asked.
        $results.Verified | Should -Not -Contain $true
        # Both far ends call themselves localhost; their results must not pass for this machine's.
        $results.HostName | Sort-Object | Should -Be (@($one, $two) | ForEach-Object { "session:$($_.Name)" } | Sort-Object)
        foreach ($name in 'far1', 'far2') { Get-FarRule $name | Should -Not -BeNullOrEmpty }
        Get-TableText | Should -BeExactly $before
        (Get-FirewallRule -Session $one).Rule | Should -Be $rule
        $rule | Test-FirewallRule -Session $one, $two | Should -BeFalse -Because 'Docker has never run there: nothing jumps to DOCKER-USER'
        ($rule | Invoke-FirewallRule -Session $one, $two).Status | Should -Be 'Unchanged', 'Unchanged'
        # What was read of several goes back to its own.
        (Get-FirewallRule -Session $one, $two | Where-Object HostName -EQ "session:$($two.Name)" | Remove-FirewallRule -Session $one, $two).HostName | Should -Be "session:$($two.Name)"
        Get-FarRule far1 | Should -Not -BeNullOrEmpty
        Get-FarRule far2 | Should -BeNullOrEmpty
        # And never to this machine, or to nowhere.
        { Get-FirewallRule -Session $one | Remove-FirewallRule -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidHostName,*'
        { Get-FirewallRule -Session $one | Remove-FirewallRule -Session $two -ErrorAction Stop } | Should -Throw -ErrorId 'AmbiguousTarget,*'
        "$($one.State)" | Should -Be 'Opened'
        Remove-PSSession $one, $two
    }

    It 'are refused by name where they cannot be used: <What>' -ForEach @(
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
        Get-Job | Remove-Job -Force
        Remove-PSSession $session -ErrorAction Ignore
    }

    It 'cannot be named beside hosts for ssh' {
        $session = New-FarSession far1
        foreach ($more in @{ HostName = 'web1' }, @{ UserName = 'root' }, @{ Options = @{ ProxyJump = 'x' } }) {
            { Get-FirewallRule -Session $session @more -ErrorAction Stop } | Should -Throw -ErrorId 'AmbiguousTarget,*'
        }
        Remove-PSSession $session
    }

    It 'end in an error and not in a hang where the far end says nothing any more, and Ctrl-C ends the wait' {
        $session = New-FarSession far3
        Get-FirewallRule -Session $session | Should -BeNullOrEmpty
        kill -STOP $far['far3'].Id
        try {
            $shell = New-TestShell
            $running = $shell.AddScript('param($session) Get-FirewallRule -Session $session -ConnectingTimeout 60000').AddArgument($session).BeginInvoke()
            Start-Sleep 1
            $stopped = Stop-TestShell $shell
            $stopped.Milliseconds | Should -BeLessThan 1000
            $stopped.State | Should -Be 'Stopped'
            $running.IsCompleted | Should -BeTrue
            $shell.Dispose()
            $clock = [Diagnostics.Stopwatch]::StartNew()
            Get-FirewallRule -Session (New-FarSession far1), $session -ConnectingTimeout 3000 -ErrorAction SilentlyContinue -ErrorVariable failures
            $clock.Elapsed.TotalSeconds | Should -BeLessThan 10
            $failures | Should -HaveCount 1
            # Busy: the far end has not said that the command before was stopped.
            $failures[0].FullyQualifiedErrorId | Should -Match '^(UnusableSession|HostTimeout),'
            "$($failures[0].TargetObject)" | Should -Be "session:$($session.Name)"
        }
        finally { kill -KILL $far['far3'].Id }
        Get-FirewallRule -Session $session -ConnectingTimeout 3000 -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures | Should -HaveCount 1
        $failures[0].FullyQualifiedErrorId | Should -Match '^(UnusableSession|ConnectionLost|HostTimeout),'
    }
}
