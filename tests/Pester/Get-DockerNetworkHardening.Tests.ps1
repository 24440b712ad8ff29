BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe "Get-DockerNetworkHardening on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    AfterEach { Remove-FirewallRule -All | Out-Null }

    It 'turns every finding that rules can mend into Pass, by one pipeline' {
        $before = Get-DockerNetworkHardening -All
        $fixable = $before | Where-Object { $_.Status -eq 'Fail' -and $_.Rules.Count -gt 0 }
        $fixable | Where-Object Id -Like 'METADATA-*' | Group-Object Network | ForEach-Object Count | Sort-Object -Unique | Should -Be 1
        $fixable.Id | Should -Contain 'HOST-ACCESS'
        $result = $before | Where-Object Status -eq Fail | Invoke-FirewallRule
        $result.HostName, "$($result.Status)", $result.Verified | Should -Be @('localhost', 'Applied', $true)
        $after = Get-DockerNetworkHardening -All
        foreach ($finding in $fixable) {
            $now = $after | Where-Object { $_.Id -eq $finding.Id -and $_.Network -eq $finding.Network -and $_.Container -eq $finding.Container }
            "$($finding.Id) $($finding.Network) $($now.Status)" | Should -Be "$($finding.Id) $($finding.Network) Pass"
        }
        # And with real packets.
        Get-Reach a1 169.254.169.254 80 | Should -Be 'Refused'
        # The second time there is nothing to do.
        (& { $fixable } | Invoke-FirewallRule).Status | Should -Be 'Unchanged'
    }

    It 'reports a network that no rule can name, and goes on with the others' {
        $id = docker network create 'my net'
        try {
            $finding = Get-DockerNetworkHardening NETWORK-NAME | Where-Object Status -eq Fail
            $finding.Network, "$($finding.Severity)" | Should -Be @('my net', 'Low')
            $finding.Remedy | Should -BeLike "*docker network rm $id*"
            "$((Get-DockerNetworkHardening METADATA-* -Network apps | Where-Object Network -EQ apps).Status)" | Should -Be 'Fail'
            (Get-DockerNetwork).Name | Should -Contain 'my net'
            (Trace-ContainerAccess 169.254.169.254).Network | Should -Contain 'my net'
            (& { Block-ContainerMetadataAccess; Block-ContainerHostAccess } | Invoke-FirewallRule).Verified | Should -BeTrue
            (Get-DockerNetworkHardening METADATA-*, HOST-ACCESS -Network 'my net' | Where-Object Network).Status | Should -Be @('Pass', 'Pass')
            Get-DockerNetworkHardening HAND-MADE-RULE | ForEach-Object { "$($_.Status)" } | Should -Be 'Pass'
        }
        finally {
            docker network rm $id | Out-Null
        }
    }

    It 'chooses by id, network and severity' {
        (Get-DockerNetworkHardening *-ACCESS).Id | Sort-Object -Unique | Should -Be @('GATEWAY-ACCESS', 'HOST-ACCESS', 'INTERNAL-ACCESS')
        (Get-DockerNetworkHardening -Exclude METADATA-*).Id | Should -Not -BeLike 'METADATA-*'
        (Get-DockerNetworkHardening -Network apps).Network | Where-Object { $_ } | Sort-Object -Unique | Should -Be 'apps'
        (Get-DockerNetworkHardening -Severity Critical).Severity | Sort-Object -Unique | Should -Be 'Critical'
        { Get-DockerNetworkHardening -Network nowhere -ErrorAction Stop } | Should -Throw -ErrorId 'NetworkNotFound,*'
    }

    It 'brings evidence and a way out' {
        $finding = Get-DockerNetworkHardening METADATA-* -Network apps | Where-Object Network -EQ apps
        $finding | Should -BeOfType ([DockerNetHarden.Analysis.HardeningFinding])
        $finding.HostName, "$($finding.Status)", "$($finding.Severity)" | Should -Be @('localhost', 'Fail', 'Critical')
        "$($finding.Evidence)" | Should -BeLike '*FORWARD rule*'
        $finding.Remedy | Should -Not -BeNullOrEmpty
    }

    It 'passes over findings that no rule mends, and says so if a host has no others' {
        $words = Get-DockerNetworkHardening CONTAINER-NET-RAW
        $words.Rules | Should -BeNullOrEmpty
        $words | Invoke-FirewallRule -WarningVariable warnings -WarningAction SilentlyContinue | Should -BeNullOrEmpty
        "$warnings" | Should -BeLike '*No rule mends*'
        (& { $words; Get-DockerNetworkHardening MAIL-RATE } | Invoke-FirewallRule).Status | Should -Be 'Applied'
        # Other objects without rules should have had some.
        { [pscustomobject]@{ Rules = @() } | Invoke-FirewallRule } | Should -Throw -ErrorId 'NoRule,*'
        { @() | Invoke-FirewallRule } | Should -Throw -ErrorId 'NoRule,*'
    }

    It 'mends nothing here that was found in a file' {
        Export-DockerHostSnapshot "$TestDrive/far.json" | Out-Null
        $findings = Get-Item "$TestDrive/far.json" | Get-DockerNetworkHardening | Where-Object Status -eq Fail
        $findings.HostName | Select-Object -Unique | Should -Be "snapshot:$TestDrive/far.json"
        { $findings | Invoke-FirewallRule } | Should -Throw -ErrorId 'InvalidHostName,*'
        Get-FirewallRule | Should -BeNullOrEmpty
    }

    It 'leaves out what passes, counts it on the screen, and gives it if asked for' {
        $shown = Get-DockerNetworkHardening -InformationVariable said 6>$null
        "$($shown.Status | Select-Object -Unique)" | Should -Not -Match 'Pass|NotApplicable'
        $all = Get-DockerNetworkHardening -All -InformationVariable silent
        $silent | Should -BeNullOrEmpty
        $passed = @($all | Where-Object Status -EQ Pass).Count
        $failed = @($all | Where-Object Status -EQ Fail).Count
        "$said" | Should -BeLike "$failed failed, *; $passed passed and *(-All shows them)."
        (Get-DockerNetworkHardening DOCKER-READ).Status | Should -Be 'Pass'
    }

    It 'is an error if a check has nothing to say about the host' {
        { Get-DockerNetworkHardening METADATA-AZURE -ErrorAction Stop } | Should -Throw -ErrorId 'NoFinding,*'
        { Get-DockerNetworkHardening NONE-* -ErrorAction Stop } | Should -Throw -ErrorId 'UnknownCheck,*'
    }

    It 'fits 80 columns, a table for each status and severity' {
        $PSStyle.OutputRendering = 'PlainText'
        $text = Get-DockerNetworkHardening -All | Out-String -Width 80
        ($text -split "`n" | ForEach-Object { $_.TrimEnd().Length } | Measure-Object -Maximum).Maximum | Should -BeLessOrEqual 80
        $text | Should -Match 'Findings: localhost: Fail, Critical\s+Id\s+Network\s+Rules Title'
        $text | Should -Match '(?s)METADATA-\S+\s+apps.*HOST-ACCESS'
        # The worst first, and each kind once.
        $groups = [regex]::Matches($text, 'Findings: localhost: (\w+, \w+)') | ForEach-Object { $_.Groups[1].Value }
        $groups | Select-Object -Unique | Should -HaveCount $groups.Count
    }

    It 'names the network in evidence, and not its addresses' {
        $finding = Get-DockerNetworkHardening METADATA-* -Network apps | Where-Object Network -EQ apps
        "$($finding.Evidence)" | Should -Match 'from network apps \(\d+\.\d+\.0\.0/16\)'
    }
}
