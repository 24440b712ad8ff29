# Which host a command works on: what is refused before any host is touched, and what happens with hosts that do not answer. Needs ssh, but no host.

BeforeDiscovery {
    . $PSScriptRoot/Common.ps1
    $onHosts = 'Get-DockerNetwork', 'Get-FirewallRule', 'Invoke-FirewallRule', 'New-HardenedDockerNetwork', 'Remove-FirewallRule', 'Test-FirewallRule', 'Confirm-FirewallChange'
    $commands = foreach ($name in $onHosts) { @{ Name = $name } }
    $noSsh = if (Get-Command ssh -CommandType Application -ErrorAction Ignore) { '' } else { ' (skipped: there is no ssh on PATH)' }
}

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
    $rule = New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5
    $arguments = @{
        'Get-DockerNetwork' = @{}
        'Get-FirewallRule' = @{}
        'Invoke-FirewallRule' = @{ Rule = $rule }
        'New-HardenedDockerNetwork' = @{ Name = 'web' }
        'Remove-FirewallRule' = @{ All = $true }
        'Test-FirewallRule' = @{ Rule = $rule }
        'Confirm-FirewallChange' = @{ Id = '0' * 32; Confirm = $false }
    }
}

Describe '<Name> and names that are not hosts' -ForEach $commands {
    It 'refuses <Why> before anything is done' -ForEach @(
        @{ Why = 'an option of ssh'; Bad = "-oProxyCommand=touch /tmp/dnh-pwned-$PID" }
        @{ Why = 'an option behind a user'; Bad = "root@-oProxyCommand=touch /tmp/dnh-pwned-$PID" }
        @{ Why = 'a space'; Bad = 'web 1' }
        @{ Why = 'an empty text'; Bad = '' }
        @{ Why = 'a new line'; Bad = "web1`nweb2" }
        @{ Why = 'code'; Bad = "`$(touch /tmp/dnh-pwned-$PID)" }
        @{ Why = 'a port that is none'; Bad = 'web1:99999' }
        @{ Why = 'null'; Bad = $null }
        @{ Why = 'an empty list'; Bad = @() }
        @{ Why = 'one bad name among good ones'; Bad = 'web1', '', 'web2' }
    ) {
        $call = $arguments[$Name]
        $failure = Get-TerminatingError { & $Name @call -HostName $Bad -ErrorAction Stop }
        $failure.FullyQualifiedErrorId | Should -BeLike 'InvalidHostName,DockerNetHarden.Commands.*'
        $failure.CategoryInfo.Category | Should -Be 'InvalidArgument'
        $failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        "$failure" | Should -BeLike '*No host was touched.'
        "/tmp/dnh-pwned-$PID" | Should -Not -Exist
    }

    It 'refuses what is ambiguous: <Why>' -ForEach @(
        @{ Why = 'a user without a host'; More = @{ UserName = 'root' }; Id = 'AmbiguousTarget' }
        @{ Why = 'a key without a host'; More = @{ IdentityFilePath = '/nowhere/key' }; Id = 'AmbiguousTarget' }
        @{ Why = 'a user for this machine'; More = @{ UserName = 'root'; HostName = 'localhost' }; Id = 'AmbiguousTarget' }
        @{ Why = 'a port that is none'; More = @{ Port = 0; HostName = 'web1' }; Id = 'InvalidHostName' }
        @{ Why = 'no session at all'; More = @{ Session = $null }; Id = 'UnusableSession' }
        @{ Why = 'an option that the conversation depends on'; More = @{ HostName = 'web1'; Options = @{ BatchMode = 'no' } }; Id = 'InvalidOption' }
        @{ Why = 'an option without a value'; More = @{ HostName = 'web1'; Options = @{ ProxyJump = '' } }; Id = 'InvalidOption' }
    ) {
        $call = $arguments[$Name]
        (Get-TerminatingError { & $Name @call @More -ErrorAction Stop }).FullyQualifiedErrorId | Should -BeLike "$Id,*"
    }
}

Describe 'Hosts from the pipeline' {
    It 'ends if some objects name a host and some do not, whichever comes first' {
        $named = [pscustomobject]@{ HostName = 'web1'; Rules = @($rule) }
        foreach ($list in @($named, $rule), @($rule, $named)) {
            (Get-TerminatingError { $list | Invoke-FirewallRule -ErrorAction Stop }).FullyQualifiedErrorId | Should -BeLike 'AmbiguousTarget,*'
        }
        { [pscustomobject]@{ HostName = $null; Rules = @($rule) } | Invoke-FirewallRule -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidHostName,*'
    }

    It 'ends at a row without a host, and does nothing if there is no row' {
        { "HostName,UserName`nweb1,root`n,root" | ConvertFrom-Csv | Invoke-FirewallRule -Rule $rule -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidHostName,*'
        'HostName' | ConvertFrom-Csv | Get-FirewallRule -ErrorAction Stop | Should -BeNullOrEmpty
        { 'HostName' | ConvertFrom-Csv | Invoke-FirewallRule -Rule $rule -ErrorAction Stop } | Should -Throw -ErrorId 'NoRule,*'
    }

    It 'ends if a row has no column HostName' {
        $failure = Get-TerminatingError {
            $ErrorActionPreference = 'Continue'
            "HostName`nweb1" | ConvertFrom-Csv | ForEach-Object { $_; [pscustomobject]@{ Host = 'web2' } } | Invoke-FirewallRule -Rule $rule 2>$null
        }
        # PowerShell's own error for such an object does not stop anything; Invoke-FirewallRule notices that it occurred.
        $failure.FullyQualifiedErrorId | Should -BeLike 'MissingColumn,*'
    }
}

Describe "Hosts that do not answer$noSsh" -Skip:($noSsh -ne '') {
    BeforeAll {
        # The kernel accepts the connection, and then nobody says a word.
        $silent = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
        $silent.Start(100)
        $port = $silent.LocalEndpoint.Port
    }

    AfterAll { $silent.Stop() }

    It 'gives each its own error, with id, category and target, and counts them in a closing line' {
        # The lab's network has no name server, and the resolver waits twice five seconds for each.
        $env:RES_OPTIONS = 'timeout:1 attempts:1'
        try { $lines = Get-FirewallRule -HostName '127.0.0.1:1', 'nosuch.invalid' -Verbose -ErrorAction SilentlyContinue -ErrorVariable failures 4>&1 }
        finally { $env:RES_OPTIONS = $null }
        $failures | Should -HaveCount 2
        $refused = $failures | Where-Object TargetObject -EQ '127.0.0.1:1'
        $refused.FullyQualifiedErrorId, $refused.CategoryInfo.Category | Should -Be 'HostUnreachable,DockerNetHarden.Commands.GetFirewallRuleCommand', 'ConnectionError'
        ($failures | Where-Object TargetObject -EQ 'nosuch.invalid').FullyQualifiedErrorId | Should -BeLike 'HostNotResolved,*'
        "$($lines[-1])" | Should -Be '0 of 2 hosts done; with an error: 127.0.0.1:1, nosuch.invalid.'
    }

    It 'takes host, user and port from each row' {
        "HostName,UserName,Port`n127.0.0.1,me,1`n127.0.0.1,,1" | ConvertFrom-Csv | Get-FirewallRule -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures | Should -HaveCount 2
        $failures | ForEach-Object { "$_" | Should -BeLike '*port 1: Connection refused*' }
    }

    It 'waits for a silent one no longer than -ConnectingTimeout' {
        $clock = [Diagnostics.Stopwatch]::StartNew()
        Get-FirewallRule -HostName "127.0.0.1:$port" -ConnectingTimeout 2000 -ErrorAction SilentlyContinue -ErrorVariable failures
        $clock.Elapsed.TotalSeconds | Should -BeGreaterThan 1.5
        $clock.Elapsed.TotalSeconds | Should -BeLessThan 15
        $failures.FullyQualifiedErrorId | Should -BeLike 'HostUnreachable,*'
        Get-SshChild | Should -BeNullOrEmpty
    }

    It 'says false and why if the rules could not be seen' {
        $rule | Test-FirewallRule -HostName '127.0.0.1:1' -ErrorAction SilentlyContinue -ErrorVariable failures | Should -BeFalse
        $failures.FullyQualifiedErrorId | Should -BeLike 'HostUnreachable,*'
    }

    It 'stops within a second and leaves no ssh behind' {
        $hosts = 1..3 | ForEach-Object { "u$_@127.0.0.1:$port" }
        $shell = New-TestShell
        $running = $shell.AddScript('param($hosts) Get-FirewallRule -HostName $hosts -ConnectingTimeout 60000').AddArgument($hosts).BeginInvoke()
        for ($i = 0; $i -lt 200 -and @(Get-SshChild).Count -lt 3; $i++) { Start-Sleep -Milliseconds 50 }
        @(Get-SshChild).Count | Should -Be 3
        $stopped = Stop-TestShell $shell
        $stopped.Milliseconds | Should -BeLessThan 5000
        $stopped.State | Should -Be 'Stopped'
        $running.IsCompleted | Should -BeTrue
        for ($i = 0; $i -lt 40 -and @(Get-SshChild).Count -gt 0; $i++) { Start-Sleep -Milliseconds 50 }
        Get-SshChild | Should -BeNullOrEmpty
        $shell.Dispose()
    }

    It 'gives up a host that does not read a large program, and leaves no process behind: <_>' -ForEach 'Ctrl-C', 'CommandTimeout' -Skip:(-not $env:DNH_LAB) {
        $folder = (New-Item -ItemType Directory -Force "TestDrive:/deaf-$_").FullName
        Add-DeafProgram "$folder/ssh"
        $path = $env:PATH
        $env:PATH = "${folder}:$path"
        try {
            $shell = New-TestShell
            $more = $_ -eq 'Ctrl-C' ? @{} : @{ CommandTimeout = [timespan]::FromSeconds(10) }
            $running = $shell.AddScript('param($lines, $more) $lines | Invoke-FirewallRule -HostName deaf.invalid -Force @more').AddArgument(@(Get-ManyRule)).AddArgument($more).BeginInvoke()
            Assert-GivenUp $shell $running (Wait-DeafProgram "$folder/ssh") $_
        }
        finally { $env:PATH = $path }
        Get-TableText | Should -Not -Match 'DNH-CUSTOM'
    }

    It 'never has more connections than -ThrottleLimit' {
        $hosts = 1..5 | ForEach-Object { "u$_@127.0.0.1:$port" }
        $shell = New-TestShell
        $running = $shell.AddScript('param($hosts) Get-FirewallRule -HostName $hosts -ConnectingTimeout 1000 -ThrottleLimit 2').AddArgument($hosts).BeginInvoke()
        $most = 0
        while (-not $running.IsCompleted) {
            $most = [Math]::Max($most, @(Get-SshChild).Count)
            Start-Sleep -Milliseconds 20
        }
        $most | Should -Be 2
        $shell.Streams.Error | Should -HaveCount 5
        $shell.Dispose()
    }
}

Describe "Hosts and rules from files$noSsh" -Skip:($noSsh -ne '') {
    BeforeAll {
        Push-Location $TestDrive
        Set-Content hosts.txt 'one.invalid', 'two.invalid'
        Set-Content rules.txt '-A DOCKER-USER -d 10.0.0.5 -j DROP', '-A DOCKER-USER -d 10.0.0.6 -j DROP'
        Set-Content notes.json '{}'
    }

    AfterAll { Pop-Location }

    It 'takes the lines of Get-Content as hosts: <_>' -ForEach 'Get-DockerNetworkHardening', 'Test-DockerNetworkHardening', 'Trace-ContainerAccess', 'Get-FirewallRule', 'Get-DockerNetwork', 'Save-FirewallRule', 'Export-DockerHostSnapshot', 'Export-HardeningPolicy' {
        $call = if ($_ -like 'Export-*') { @{ Path = "$TestDrive" } } else { @{} }
        $null = Get-Content hosts.txt | & $_ @call -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -BeLike 'HostNotResolved,*'
        $failed.TargetObject | Sort-Object | Should -Be @('one.invalid', 'two.invalid')
    }

    It 'takes them as rules: <_>' -ForEach 'Test-FirewallRule', 'Export-FirewallRule', 'Invoke-FirewallRule', 'Remove-FirewallRule' {
        $call = if ($_ -like 'Export-*') { @{ As = 'IptablesRestore' } } else { @{ HostName = 'one.invalid' } }
        $text = Get-Content rules.txt | & $_ @call -ErrorAction SilentlyContinue -ErrorVariable failed
        if ($_ -like 'Export-*') { "$text" | Should -BeLike '*10.0.0.5/32*10.0.0.6/32*' } else { $failed.FullyQualifiedErrorId | Should -BeLike 'HostNotResolved,*' }
    }

    It 'still takes files for snapshots' {
        Get-ChildItem *.json | Get-DockerNetworkHardening -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -BeLike 'InvalidSnapshot,*'
        $failed | Should -BeLike "*$(Join-Path $TestDrive notes.json)*"
    }

    It 'says of a table without HostName which column is missing: <Name>' -ForEach @(
        @{ Name = 'Get-FirewallRule'; Call = @{} }
        @{ Name = 'Get-DockerNetworkHardening'; Call = @{} }
        @{ Name = 'Test-DockerNetworkHardening'; Call = @{} }
        @{ Name = 'Get-DockerNetwork'; Call = @{} }
        @{ Name = 'Invoke-FirewallRule'; Call = @{ Rule = '-A DOCKER-USER -d 10.0.0.5 -j DROP' } }
        @{ Name = 'Test-FirewallRule'; Call = @{ Rule = '-A DOCKER-USER -d 10.0.0.5 -j DROP' } }
        @{ Name = 'Remove-FirewallRule'; Call = @{ All = $true } }
        @{ Name = 'Remove-FirewallRule'; Call = @{ Rule = '-A DOCKER-USER -d 10.0.0.5 -j DROP' } }
    ) {
        $tables = @{ 'Host,UserName' = ''; 'ComputerName,Name' = ''; 'HostName;UserName' = "-Delimiter ';'"; "HostName`tUserName" = '-Delimiter "`t"' }
        foreach ($header in $tables.Keys) {
            $rows = $header, ($header -replace '\w+', 'web1.invalid') | ConvertFrom-Csv
            $failed = @()
            $output = try { $rows | & $Name @Call -ErrorAction SilentlyContinue -ErrorVariable failed } catch { $failed += $_ }
            $output | Should -BeNullOrEmpty
            $last = $failed[-1]
            # A user name alone binds, and the row itself is not seen then.
            $columns = if ($header -eq 'Host,UserName' -and $Call.Count) { 'UserName' } else { "'$(@($rows[0].PSObject.Properties.Name)[0] -replace "`t", ' ')'" }
            "$last" | Should -BeLike "*no column HostName*$columns*"
            "$last $($last.ErrorDetails?.RecommendedAction)" | Should -BeLike "*$([WildcardPattern]::Escape($tables[$header]))*"
        }
    }

    It 'sends what names a host there, in whatever shape it comes: <Shape>, <How>' -ForEach $(
        foreach ($shape in 'rows', 'hashtables', 'hashtables from JSON', 'rules', 'rules from JSON', 'objects with rules', 'rules inside an object') {
            foreach ($how in 'piped', 'as an argument') { @{ Shape = $shape; How = $how } }
        }) {
        $text = 'iptables -A DNH-CUSTOM -d 10.0.0.5/32 -m comment --comment "DockerNetHarden:Custom" -j DROP'
        $rules = foreach ($name in '127.0.0.1:1', '127.0.0.1:2') { New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -HostName $name }
        $rows = foreach ($name in '127.0.0.1:1', '127.0.0.1:2') { [pscustomobject]@{ HostName = $name; Text = $text } }
        $items = switch ($Shape) {
            'rows' { $rows }
            'hashtables' { foreach ($row in $rows) { @{ hostname = $row.HostName; Text = $text; UserName = '' } } }
            'hashtables from JSON' { $rows | ConvertTo-Json | ConvertFrom-Json -AsHashtable }
            'rules' { $rules }
            'rules from JSON' { $rules | ConvertTo-Json | ConvertFrom-Json -AsHashtable }
            'objects with rules' { foreach ($row in $rows) { @{ HostName = $row.HostName; Rules = @($text) } } }
            'rules inside an object' { @{ Rules = $rules } }
        }
        foreach ($name in 'Invoke-FirewallRule', 'Test-FirewallRule', 'Remove-FirewallRule') {
            $failed = @()
            $output = if ($How -eq 'piped') { $items | & $name -ErrorAction SilentlyContinue -ErrorVariable failed } else { & $name $items -ErrorAction SilentlyContinue -ErrorVariable failed }
            $output | Should -Be ($name -eq 'Test-FirewallRule' ? $false : $null)
            $failed.FullyQualifiedErrorId | Should -BeLike 'HostUnreachable,*'
            $failed.TargetObject | Sort-Object | Should -Be @('127.0.0.1:1', '127.0.0.1:2')
        }
        # The argument takes precedence.
        $null = if ($How -eq 'piped') { $items | Invoke-FirewallRule -HostName '127.0.0.1:3' -ErrorAction SilentlyContinue -ErrorVariable failed } else { Invoke-FirewallRule $items -HostName '127.0.0.1:3' -ErrorAction SilentlyContinue -ErrorVariable failed }
        $failed.TargetObject | Should -Be '127.0.0.1:3'
    }

    It 'refuses an element whose host has a column of another name, whatever else binds: <Column>, <Shape>' -ForEach $(
        foreach ($column in 'Host', 'ComputerName') { foreach ($shape in 'row', 'hashtable', 'nested') { @{ Column = $column; Shape = $shape } } }) {
        $item = [ordered]@{ $Column = 'web1.invalid'; Text = 'iptables -A DNH-CUSTOM -d 10.0.0.5/32 -m comment --comment "DockerNetHarden:Custom" -j DROP' }
        if ($Shape -eq 'row') { $item = [pscustomobject]$item }
        if ($Shape -eq 'nested') { $item = [pscustomobject]@{ Rules = @($item) } }
        foreach ($name in 'Invoke-FirewallRule', 'Test-FirewallRule', 'Remove-FirewallRule') {
            foreach ($call in { $item | & $name -ErrorAction Stop }, { & $name $item -ErrorAction Stop }) {
                $failure = Get-TerminatingError $call
                $failure.FullyQualifiedErrorId | Should -BeLike 'MissingColumn,*'
                "$failure" | Should -BeLike "*no column HostName, although it has $Column*"
            }
        }
    }

    It 'takes the host of a row from these columns, too, where it makes rules or networks: <_>' -ForEach 'Host', 'ComputerName' {
        $row = [pscustomobject]@{ $_ = '127.0.0.1:1'; Network = 'apps'; Name = 'apps' }
        foreach ($emit in { $row | Block-ContainerMetadataAccess }, { $row | Block-ContainerHostAccess }, { $row | Block-ContainerInternalAccess }, { $row | Set-SmtpRateLimit }, { $row | New-FirewallRule -Action Drop }) {
            (& $emit).HostName | Select-Object -Unique | Should -Be '127.0.0.1:1'
        }
        "$(Get-TerminatingError { $row | New-HardenedDockerNetwork -ErrorAction Stop })" | Should -BeLike "*127.0.0.1*port 1*"
    }

    It 'takes rows with the right columns' {
        'HostName,UserName', 'one.invalid,me' | ConvertFrom-Csv | Get-FirewallRule -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -BeLike 'HostNotResolved,*'
        $failed.TargetObject | Should -Be 'one.invalid'
    }
}
