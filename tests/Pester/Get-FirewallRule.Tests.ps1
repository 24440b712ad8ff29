BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Get-FirewallRule, stopped' -Skip:(-not $IsLinux) {
    It 'stops at once while the host is being read, and leaves no process behind' {
        # A host whose iptables-save hangs. It comes first on PATH, for root and for sudo alike.
        $bin = "$TestDrive/bin"
        $null = New-Item -ItemType Directory $bin
        foreach ($name in 'iptables-save', 'ip6tables-save', 'sudo') {
            Set-Content "$bin/$name" "#!/bin/sh`necho `$`$ >> $TestDrive/pids`nexec sleep 300"
            chmod +x "$bin/$name"
        }
        $path = $env:PATH
        $shell = New-TestShell
        try {
            $env:PATH = "${bin}:$path"
            $running = $shell.AddScript('Get-FirewallRule').BeginInvoke()
            $clock = [Diagnostics.Stopwatch]::StartNew()
            while (-not (Test-Path "$TestDrive/pids") -and $clock.Elapsed.TotalSeconds -lt 20) { Start-Sleep -Milliseconds 50 }
            "$TestDrive/pids" | Should -Exist
            $end = Stop-TestShell $shell
        }
        finally { $env:PATH = $path }
        $end.State | Should -Be 'Stopped'
        $end.Milliseconds | Should -BeLessThan 5000
        $running.IsCompleted | Should -BeTrue
        $shell.Dispose()
        function Get-Sleeper { Get-Content "$TestDrive/pids" | Where-Object { (Get-Content -Raw "/proc/$_/cmdline" -ErrorAction Ignore) -like 'sleep*300*' } }
        # On a busy machine a killed process does not vanish at once; one left behind would stay for five minutes.
        for ($i = 0; $i -lt 100 -and (Get-Sleeper); $i++) { Start-Sleep -Milliseconds 50 }
        Get-Sleeper | Should -BeNullOrEmpty
    }
}

Describe "Get-FirewallRule on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll { & { Block-ContainerMetadataAccess aws; Set-SmtpRateLimit -Network apps; New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -Name mine } | Invoke-FirewallRule | Out-Null }

    AfterAll { Remove-FirewallRule -All | Out-Null }

    It 'shows what is ours, with place, mark and text' {
        $rules = Get-FirewallRule
        $rules | Should -BeOfType ([DockerNetHarden.Planning.InstalledRule])
        $rules.Control | Sort-Object -Unique | Should -Be @('Custom', 'MetadataAccess', 'SmtpRate')
        $mine = $rules | Where-Object Control -EQ Custom
        $mine.HostName, $mine.Family, $mine.Table, $mine.Chain, $mine.Position, $mine.Subject, $mine.Network | Should -Be @('localhost', 'IPv4', 'filter', 'DNH-CUSTOM', 1, 'mine', $null)
        $mine.Text | Should -BeExactly 'iptables -A DNH-CUSTOM -d 10.0.0.5/32 -m comment --comment "DockerNetHarden:Custom/mine" -j DROP'
        $mine.Rule | Should -Be (New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -Name mine)
    }

    It 'has the properties of its rule, for filters and tables' {
        (Get-FirewallRule | Where-Object Destination -EQ 10.0.0.5/32).Subject | Should -Be 'mine'
        Get-FirewallRule | Where-Object { $_.DestinationPort -eq '25,465,587' -and $_.Action -eq 'Drop' } | Should -Not -BeNullOrEmpty
        $row = Get-FirewallRule Custom | ConvertTo-Csv | ConvertFrom-Csv
        $row.Destination, $row.Action, $row.Chain, $row.Family, $row.Source | Should -Be @('10.0.0.5/32', 'Drop', 'DNH-CUSTOM', 'IPv4', '')
        (Get-FirewallRule -All | Where-Object Action -EQ MASQUERADE).Source | Should -Contain '172.17.0.0/16'
    }

    It 'counts packets' {
        Get-Reach c0 10.0.0.5 80 | Should -Be 'TimedOut'
        (Get-FirewallRule Custom).Packets | Should -BeGreaterThan 0
        (Get-FirewallRule Custom).Bytes | Should -BeGreaterThan 0
    }

    It 'chooses by control and by network' {
        (Get-FirewallRule -Control smtprate).Control | Select-Object -Unique | Should -Be 'SmtpRate'
        (Get-FirewallRule -Network apps).Control | Select-Object -Unique | Should -Be 'SmtpRate'
        Get-FirewallRule -Control MetadataAccess -Network apps | Should -BeNullOrEmpty
        { Get-FirewallRule -Control Nonsense } | Should -Throw '*the controls are*'
    }

    It 'shows every rule with -All, the others'' without a mark' {
        $all = Get-FirewallRule -All
        ($all | Where-Object { -not $_.IsOurs }).Text | Should -Contain 'iptables -A DOCKER-USER -j RETURN'
        $all.Table | Should -Contain 'nat'
        $all.Count | Should -BeGreaterThan (Get-FirewallRule).Count
    }

    It 'shows a table of chain, destination, port, action and packets, which fits 80 columns' {
        $PSStyle.OutputRendering = 'PlainText'
        $text = Get-FirewallRule | Out-String -Width 80
        $text | Should -Match 'Chain\s+Destination\s+Port\s+Action\s+Packets'
        $text | Should -Match 'DNH-CUSTOM 1\s+10\.0\.0\.5/32\s+all\s+Drop'
        ($text -split "`n" | ForEach-Object { $_.TrimEnd().Length } | Measure-Object -Maximum).Maximum | Should -BeLessOrEqual 80
    }

    It 'gives its rules to Remove-FirewallRule' {
        (Get-FirewallRule Custom | Remove-FirewallRule).Status | Should -Be 'Applied'
        Get-FirewallRule Custom | Should -BeNullOrEmpty
        (Get-FirewallRule).Control | Sort-Object -Unique | Should -Be @('MetadataAccess', 'SmtpRate')
    }
}
