BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Trace-ContainerAccess and what cannot be asked' {
    It 'refuses <Code>' -ForEach @(
        @{ Code = 'Trace-ContainerAccess example.org'; Id = 'InvalidAddress' }
        @{ Code = 'Trace-ContainerAccess 10.0.0.1/8'; Id = 'InvalidAddress' }
        @{ Code = 'Trace-ContainerAccess Host -Port http'; Id = 'InvalidPort' }
        @{ Code = 'Trace-ContainerAccess 10.0.0.5:http'; Id = 'InvalidPort' }
        @{ Code = 'Trace-ContainerAccess 10.0.0.5:80 443'; Id = 'InvalidAddress' }
        @{ Code = 'Trace-ContainerAccess 10.0.0.5:53/udp -Probe'; Id = 'ConflictingParameters' }
        @{ Code = 'Trace-ContainerAccess Host -Protocol nonsense'; Id = 'InvalidRule' }
        @{ Code = 'Trace-ContainerAccess Host -Port 80 -Protocol icmp'; Id = 'InvalidRule' }
        @{ Code = 'Trace-ContainerAccess Host -Source 10.0.0.300'; Id = 'InvalidAddress' }
        @{ Code = 'Trace-ContainerAccess Host -Probe -Protocol udp'; Id = 'ConflictingParameters' }
        @{ Code = 'Trace-ContainerAccess Host -Probe -Snapshot /etc/hosts'; Id = 'ConflictingParameters' }
        @{ Code = 'Trace-ContainerAccess Host -Network a -Container b'; Id = 'AmbiguousParameterSet' }
        @{ Code = 'Trace-ContainerAccess Host -Snapshot /nowhere.json'; Id = 'SnapshotNotFound' }
    ) {
        (Get-TerminatingError ([scriptblock]::Create($Code))).FullyQualifiedErrorId | Should -Be "$Id,DockerNetHarden.Commands.TraceContainerAccessCommand"
    }

    It 'completes the words, and takes a port without asking for a host' {
        (TabExpansion2 'Trace-ContainerAccess M').CompletionMatches.CompletionText | Should -Contain 'Metadata'
        (TabExpansion2 'Trace-ContainerAccess Host -Protocol icmp').CompletionMatches.CompletionText | Should -Be @('icmp', 'icmpv6')
        (Get-Command Trace-ContainerAccess).Parameters.Port.ParameterType | Should -Be ([string[]])
    }
}

Describe "Trace-ContainerAccess on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    AfterEach { Remove-FirewallRule -All | Out-Null }

    It 'asks about every bridge network, and says which rule lets through' {
        $traces = Trace-ContainerAccess 169.254.169.254 80 -Network apps, bridge
        $traces | Should -BeOfType ([DockerNetHarden.Commands.AccessTrace])
        $traces.Network | Should -Be @('apps', 'bridge')
        $traces.Verdict | Select-Object -Unique | Should -Be 'Accept'
        $traces[0].Table, $traces[0].Chain | Should -Be @('filter', 'FORWARD')
        $traces[0].Rule | Should -Match '^iptables -A FORWARD -i apps0 ! -o apps0 -j ACCEPT'
        $traces[0].HostName, $traces[0].Port, $traces[0].Protocol, $traces[0].OutInterface, "$($traces[0].Path)" | Should -Be @('localhost', '80', 'tcp', 'up0', 'Forward')
    }

    It 'says which rule closes, and the probe agrees: <Action>' -ForEach @(
        @{ Action = 'Reject'; Outcome = 'Refused' }
        @{ Action = 'Drop'; Outcome = 'TimedOut' }
    ) {
        Block-ContainerMetadataAccess aws -Network apps -Action $Action | Invoke-FirewallRule | Out-Null
        # What is open comes first.
        $open, $closed = Trace-ContainerAccess 169.254.169.254:80 -Probe
        "$($closed.Verdict)", $closed.Chain, "$($closed.Probe)", $closed.Agrees | Should -Be @($Action, 'DNH-METADATA', $Outcome, $true)
        $closed.Chains | Should -Match 'filter FORWARD, filter DOCKER-USER, filter DNH-METADATA'
        "$($open.Verdict)", "$($open.Probe)", $open.Agrees | Should -Be @('Accept', 'Connected', $true)
        $closed.ProbeDetail | Should -Be '169.254.169.254 port 80'
    }

    It 'asks from one container, and from a source' {
        (Trace-ContainerAccess 203.0.113.25 -Container c0, a1 -Port 80).Container | Should -Be @('c0', 'a1')
        $source = (Get-DockerNetwork apps).Subnet[0] -replace '0/16$', '77'
        (Trace-ContainerAccess 203.0.113.25 -Source $source -Port 80).Network | Should -Be 'apps'
    }

    It 'names what it cannot ask about, and answers the rest' {
        $traces = Trace-ContainerAccess 203.0.113.25 -Network apps, nowhere, host -Port 80 -ErrorAction SilentlyContinue -ErrorVariable failures
        $traces.Network | Should -Be 'apps'
        $failures.FullyQualifiedErrorId | Should -Be @('NetworkNotFound,DockerNetHarden.Commands.TraceContainerAccessCommand', 'NotBridged,DockerNetHarden.Commands.TraceContainerAccessCommand')
        { Trace-ContainerAccess Host -Container nobody -ErrorAction Stop } | Should -Throw -ErrorId 'ContainerNotFound,*'
        { Trace-ContainerAccess Host -Source 10.99.0.1 -ErrorAction Stop } | Should -Throw -ErrorId 'SourceNotFound,*'
    }

    It 'warns if there is no container to ask from' {
        docker network create empty0 | Out-Null
        try { $trace = Trace-ContainerAccess 203.0.113.25 -Network empty0 -Port 80 -Probe -WarningVariable warnings -WarningAction SilentlyContinue }
        finally { docker network rm empty0 | Out-Null }
        "$($trace.Probe)", $trace.Agrees | Should -Be @('NoContainer', $null)
        "$warnings" | Should -BeLike "*'empty0' has no running container*"
    }

    It 'answers from a file as from the host' {
        Block-ContainerHostAccess | Invoke-FirewallRule | Out-Null
        Export-DockerHostSnapshot "$TestDrive/host.json" | Out-Null
        $live = Trace-ContainerAccess Host, Metadata -Detailed
        $filed = Trace-ContainerAccess Host, Metadata -Detailed -Snapshot "$TestDrive/host.json"
        $filed | ForEach-Object { "$_ $($_.Packets) $($_.DecidedBy)" } | Should -Be ($live | ForEach-Object { "$_ $($_.Packets) $($_.DecidedBy)" })
        # What a host wrote about itself is not about this machine.
        $filed.HostName | Select-Object -Unique | Should -Be "snapshot:$TestDrive/host.json"
    }

    It 'gives a matrix of networks and destinations if no network is named' {
        Block-ContainerMetadataAccess -Network apps | Invoke-FirewallRule | Out-Null
        $rows = Trace-ContainerAccess
        $rows | ForEach-Object { $_.PSObject.BaseObject } | Should -BeOfType ([DockerNetHarden.Commands.AccessTrace])
        $rows.Network | Should -Be @('apps', 'bridge')
        $rows.Metadata | Should -Be @('closed, exceptions', 'OPEN')
        # The block of metadata also closes a port of the host (ECS introspection).
        $rows.Host | Should -Be @('PARTLY OPEN', 'OPEN')
        $rows[0].Parts.State | Should -Contain 'Exception'
        # What a script asks of rows it can ask of the matrix.
        (Trace-ContainerAccess Metadata | Where-Object Verdict -eq Accept).Network | Should -Be 'bridge'
        $one = Trace-ContainerAccess 169.254.169.254:80, 10.0.0.5:5432
        $one[0].'169.254.169.254:80', "$($one[0].Verdict)" | Should -Be @('closed', 'Accept')
    }

    It 'names exceptions and merges what fares alike' {
        Block-ContainerMetadataAccess gcp | Invoke-FirewallRule | Out-Null
        $rows = Trace-ContainerAccess 169.254.169.254 -Network apps
        $rows.State | Should -Be @('Exception', 'Closed')
        $rows[0].Why | Should -Be 'DNS and NTP stay open, MetadataAccess exception'
        $rows[1].Port | Should -BeLike 'all but *53*'
        Block-ContainerMetadataAccess | Invoke-FirewallRule | Out-Null
        (Trace-ContainerAccess Metadata -Network apps | Where-Object State -eq Closed)[0].Parts.Count | Should -BeGreaterThan 1
    }

    It 'says that nobody serves an address here' {
        $row = Trace-ContainerAccess 169.254.170.2:80 -Network apps
        "$($row.State)", $row.Why | Should -Be @('NotServed', 'not served on this host')
    }

    It 'fits 80 columns, with the verdict third' {
        Block-ContainerMetadataAccess gcp | Invoke-FirewallRule | Out-Null
        $PSStyle.OutputRendering = 'PlainText'
        foreach ($text in (Trace-ContainerAccess Metadata -Network apps | Out-String -Width 80), (Trace-ContainerAccess 169.254.169.254:80 -Probe | Out-String -Width 80), (Trace-ContainerAccess | Out-String -Width 80)) {
            ($text -split "`n" | ForEach-Object { $_.TrimEnd().Length } | Measure-Object -Maximum).Maximum | Should -BeLessOrEqual 80
            $text | Should -Match 'HostName: localhost'
        }
        $text = Trace-ContainerAccess 169.254.169.254 -Network apps | Out-String -Width 80
        $text | Should -Match 'Network\s+Destination\s+Verdict\s+Port\s+Why\r?\n'
        $text | Should -Match '(?s)apps\s+169\.254\.169\.254\s+Accept\s+53,123/udp.*apps\s+169\.254\.169\.254\s+Reject\s+all but'
        Trace-ContainerAccess 169.254.169.254:80 -Probe | Out-String -Width 80 | Should -Match 'Network\s+Destination\s+Verdict\s+Probe\s+Agrees\s+Why'
        Trace-ContainerAccess | Out-String -Width 80 | Should -Match 'Network\s+Metadata\s+Host\s+Internal'
    }
}
