BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force

    # What a finding is when it comes back from JSON.
    function New-Finding([string] $Id, [string] $Status, [string] $Network = 'apps', [string] $HostName = 'web1', [string] $Severity = 'High') {
        [pscustomobject]@{ HostName = $HostName; Id = $Id; Title = "Title of $Id"; Severity = $Severity; Status = $Status; Network = $Network; Container = $null; Evidence = @("Evidence of $Id"); Remedy = "Mend $Id"; CisItem = $null }
    }
    function Read-Report([string] $Path) { Get-Content $Path -Raw | ConvertFrom-Json }
}

Describe 'Export-HardeningReport, before any host is touched' {
    It 'refuses a name that says no form' {
        $record = Get-TerminatingError { Export-HardeningReport "$TestDrive/report.txt" -HostName web1.invalid }
        $record.FullyQualifiedErrorId | Should -Be 'InvalidArgument,DockerNetHarden.Commands.ExportHardeningReportCommand'
        $record.ErrorDetails.RecommendedAction | Should -BeLike '*-Format Html*'
    }

    It 'keeps a file that exists' {
        Set-Content "$TestDrive/old.html" old
        (Get-TerminatingError { New-Finding HOST-ACCESS Fail | Export-HardeningReport "$TestDrive/old.html" }).FullyQualifiedErrorId | Should -BeLike 'AlreadyExists,*'
        Get-Content "$TestDrive/old.html" | Should -Be 'old'
        (New-Finding HOST-ACCESS Fail | Export-HardeningReport "$TestDrive/old.html" -Force).Name | Should -Be 'old.html'
        Get-Content "$TestDrive/old.html" -Raw | Should -BeLike '<!DOCTYPE html>*'
    }

    It 'refuses a path that cannot be a file' {
        (Get-TerminatingError { Export-HardeningReport Env:/X.html }).FullyQualifiedErrorId | Should -BeLike 'InvalidPath,*'
    }

    It 'refuses a baseline that is no report, or not there' {
        Set-Content "$TestDrive/broken.json" '{'
        $record = Get-TerminatingError { Export-HardeningReport "$TestDrive/new.html" -Baseline "$TestDrive/broken.json" -HostName web1.invalid }
        $record.FullyQualifiedErrorId | Should -BeLike 'InvalidReport,*'
        $record.Exception.Message | Should -BeLike "*broken.json: This is not a report*"
        (Get-TerminatingError { Export-HardeningReport "$TestDrive/new.html" -Baseline "$TestDrive/none.json" }).FullyQualifiedErrorId | Should -BeLike 'UnreadableFile,*'
        (Get-TerminatingError { Test-DockerNetworkHardening -Baseline "$TestDrive/broken.json" }).FullyQualifiedErrorId | Should -BeLike 'InvalidReport,*'
    }

    It 'refuses an unknown check and what is no finding' {
        (Get-TerminatingError { Export-HardeningReport "$TestDrive/new.html" -Exclude NO-SUCH-CHECK }).FullyQualifiedErrorId | Should -BeLike 'UnknownCheck,*'
        foreach ($wrong in 5, $null, (Get-Date)) {
            (Get-TerminatingError { , $wrong | Export-HardeningReport "$TestDrive/new.html" }).FullyQualifiedErrorId | Should -BeLike 'NothingToReport,*'
        }
        (Get-TerminatingError { [pscustomobject]@{ Name = 'web1' } | Export-HardeningReport "$TestDrive/new.html" }).FullyQualifiedErrorId | Should -BeLike 'NothingToReport,*'
        "$TestDrive/new.html" | Should -Not -Exist
    }

    It 'writes no report about nothing' {
        (Get-TerminatingError { @() | Export-HardeningReport "$TestDrive/nothing.html" }).FullyQualifiedErrorId | Should -BeLike 'NothingToReport,*'
        "$TestDrive/nothing.html" | Should -Not -Exist
    }

    It 'writes nothing with -WhatIf' {
        New-Finding HOST-ACCESS Fail | Export-HardeningReport "$TestDrive/whatif.html" -WhatIf
        "$TestDrive/whatif.html" | Should -Not -Exist
    }
}

Describe 'Export-HardeningReport from findings' {
    It 'writes each form by the end of the name, for its owner alone' {
        foreach ($form in @{ 'a.html' = '<!DOCTYPE html>*'; 'a.xml' = '<?xml*<testsuites*'; 'a.sarif' = '*"version": "2.1.0"*'; 'a.json' = '*"format": 1*'; 'a.md' = '# Hardening report*' }.GetEnumerator()) {
            $file = New-Finding HOST-ACCESS Fail | Export-HardeningReport "$TestDrive/$($form.Key)"
            $file | Should -BeOfType ([IO.FileInfo])
            [string] $file.UnixFileMode | Should -Be 'UserWrite, UserRead'
            Get-Content $file -Raw | Should -BeLike $form.Value
        }
        New-Finding HOST-ACCESS Fail | Export-HardeningReport "$TestDrive/odd.txt" -Format Markdown | Should -Not -BeNullOrEmpty
    }

    It 'takes findings that were JSON or CLIXML, with enums as names or numbers' {
        $finding = New-Finding HOST-ACCESS Fail
        $finding | ConvertTo-Json | ConvertFrom-Json | Export-HardeningReport "$TestDrive/json.json" | Out-Null
        $finding.Status = 1
        $finding.Severity = 3
        $finding | Export-Clixml "$TestDrive/finding.xml"
        Import-Clixml "$TestDrive/finding.xml" | Export-HardeningReport "$TestDrive/clixml.json" | Out-Null
        foreach ($name in 'json', 'clixml') {
            $report = Read-Report "$TestDrive/$name.json"
            $report.hosts[0].name | Should -Be 'web1'
            $report.hosts[0].findings[0].status, $report.hosts[0].findings[0].severity, $report.hosts[0].findings[0].identity | Should -Be @('Fail', 'High', 'HOST-ACCESS/apps/*')
            $report.hosts[0].findings[0].evidence | Should -Be 'Evidence of HOST-ACCESS'
        }
    }

    It 'holds several hosts and leaves out what it is told to' {
        & { New-Finding HOST-ACCESS Fail; New-Finding MAIL-RATE Fail -Severity Low; New-Finding HOST-ACCESS Pass -HostName web2 } | Export-HardeningReport "$TestDrive/some.json" -Severity Medium | Out-Null
        $report = Read-Report "$TestDrive/some.json"
        $report.hosts.name | Should -Be @('web1', 'web2')
        $report.counters.fail, $report.counters.pass | Should -Be @(1, 1)
        & { New-Finding HOST-ACCESS Fail; New-Finding MAIL-RATE Fail } | Export-HardeningReport "$TestDrive/less.json" -Exclude HOST-* | Out-Null
        (Read-Report "$TestDrive/less.json").hosts[0].findings.id | Should -Be 'MAIL-RATE'
    }

    It 'tells what is new, unchanged and fixed' {
        & { New-Finding HOST-ACCESS Fail; New-Finding MAIL-RATE Fail; New-Finding GATEWAY-ACCESS Fail gone } | Export-HardeningReport "$TestDrive/baseline.json" | Out-Null
        & { New-Finding HOST-ACCESS Fail; New-Finding MAIL-RATE Pass; New-Finding IPV6-OPEN Fail } | Export-HardeningReport "$TestDrive/now.json" -Baseline "$TestDrive/baseline.json" | Out-Null
        $findings = (Read-Report "$TestDrive/now.json").hosts[0].findings
        ($findings | Sort-Object id | ForEach-Object { "$($_.id) $($_.change)" }) | Should -Be @('GATEWAY-ACCESS Fixed', 'HOST-ACCESS Unchanged', 'IPV6-OPEN New', 'MAIL-RATE Fixed')
    }
}

Describe 'Export-HardeningReport and a host that cannot be read' {
    It 'reports the error, and has the host in the report' {
        Set-Content "$TestDrive/broken-snapshot.json" '{'
        $file = Export-HardeningReport "$TestDrive/unread.json" -Snapshot "$TestDrive/broken-snapshot.json" -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'InvalidSnapshot,*'
        (Read-Report $file).hosts[0].problem | Should -BeLike '*not a snapshot*'
    }
}

Describe "Export-HardeningReport on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    AfterEach { Remove-FirewallRule -All | Out-Null }

    It 'shows what packets really meet, before and after hardening' {
        $open = Read-Report (Export-HardeningReport "$TestDrive/open.json")
        $open.hosts[0].name | Should -Be 'localhost'
        $apps = $open.hosts[0].networks | Where-Object name -EQ apps
        ($apps.cells | Where-Object destination -EQ Metadata).level | Should -Be 'Open'
        Get-Reach a1 169.254.169.254 80 | Should -Be 'Open'

        & { Block-ContainerMetadataAccess; Block-ContainerHostAccess } | Invoke-FirewallRule | Out-Null
        $closed = Read-Report (Get-DockerNetworkHardening -All | Export-HardeningReport "$TestDrive/closed.json" -Baseline "$TestDrive/open.json")
        $apps = $closed.hosts[0].networks | Where-Object name -EQ apps
        ($apps.cells | Where-Object destination -In Metadata, Host, Gateway).level | Should -Be @('Closed', 'Closed', 'Closed')
        ($apps.cells | Where-Object destination -EQ Metadata).ways[0].rule | Should -BeLike '*DockerNetHarden*'
        Get-Reach a1 169.254.169.254 80 | Should -Be 'Refused'
        $closed.counters.fixed | Should -BeGreaterThan 0
        # Applied and not saved: nobody saved anything before, so there was nothing to complain about.
        ($closed.hosts[0].findings | Where-Object { $_.PSObject.Properties['change'] -and $_.change -eq 'New' }).id | Should -Be 'RULES-SAVED'
    }

    It 'reads the host once for findings and not again for the report' {
        $findings = Get-DockerNetworkHardening -All
        $docker = $env:DOCKER_HOST
        try {
            $env:DOCKER_HOST = "unix://$TestDrive/none.sock"
            $report = Read-Report ($findings | Where-Object Status -EQ Fail | Export-HardeningReport "$TestDrive/once.json")
        }
        finally { $env:DOCKER_HOST = $docker }
        $report.hosts[0].networks.name | Should -Contain 'apps'
        $report.hosts[0].findings.status | Sort-Object -Unique | Should -Be 'Fail'
    }

    It 'lets Test-DockerNetworkHardening fail only for what got worse, though the network was made again' {
        docker network create again | Out-Null
        try {
            Export-HardeningReport "$TestDrive/before.json" | Out-Null
            docker network rm again | Out-Null
            docker network create again | Out-Null
            Test-DockerNetworkHardening | Should -BeFalse
            Test-DockerNetworkHardening -Baseline "$TestDrive/before.json" | Should -BeTrue
            docker network create worse | Out-Null
            try { Test-DockerNetworkHardening -Baseline "$TestDrive/before.json" | Should -BeFalse } finally { docker network rm worse | Out-Null }
        }
        finally { docker network rm again | Out-Null }
    }
}
