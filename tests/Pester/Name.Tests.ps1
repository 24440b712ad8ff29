# Names that match nothing, and the completion of names.

BeforeDiscovery {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
    $names = 'BridgeName', 'Chain', 'Container', 'Control', 'Destination', 'ExceptNetwork', 'Exclude', 'HashLimitName', 'HostName', 'Id', 'Image', 'InterfaceAlias', 'JumpTarget', 'Name', 'Network',
        'OutInterfaceAlias', 'Protocol', 'Provider', 'RestrictedHost', 'Set', 'Table', 'UserName'
    $places = Get-Command -Module DockerNetHarden | ForEach-Object { $command = $_; $_.Parameters.Values | Where-Object { $_.Name -cin $names -and $_.ParameterType -ne [switch] } | ForEach-Object { @{ Command = $command.Name; Parameter = $_.Name } } }
}

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Completion' {
    BeforeAll {
        Push-Location $TestDrive
        Set-Content file.txt ''
    }

    AfterAll { Pop-Location }

    It 'offers no file for a name: <Command> -<Parameter>' -ForEach $places {
        $line = "$Command -$Parameter "
        (TabExpansion2 $line $line.Length).CompletionMatches | ForEach-Object CompletionText | Should -Not -BeLike '*file.txt*'
    }

    It 'knows the checks and the tables' {
        (TabExpansion2 'Get-DockerNetworkHardening -Id metadata-a').CompletionMatches.CompletionText | Should -Contain 'METADATA-AWS'
        (TabExpansion2 'New-FirewallRule -Table m').CompletionMatches.CompletionText | Should -Be 'mangle'
    }
}

Describe 'An id that no check has' {
    It 'is an error before any host is touched: <_>' -ForEach 'Get-DockerNetworkHardening -Id METADATA-AWSS', 'Get-DockerNetworkHardening -Exclude METADATA-AWSS', 'Test-DockerNetworkHardening -Exclude METADATA-*, METADATA-AWSS' {
        $failure = Get-TerminatingError ([scriptblock]::Create($_))
        $failure.FullyQualifiedErrorId | Should -BeLike 'UnknownCheck,*'
        "$failure" | Should -BeLike "*no check 'METADATA-AWSS'. Did you mean 'METADATA-AWS'? The checks: '*', '*' and * more. No host was touched."
    }
}

Describe "Names on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll { Set-SmtpRateLimit -Network apps | Invoke-FirewallRule | Out-Null }

    AfterAll { Remove-FirewallRule -All | Out-Null }

    It 'is an error if no network has the name: <_>' -ForEach 'Get-FirewallRule -Network appz', 'Get-FirewallRule -All -Network appz', 'Remove-FirewallRule -Network appz', 'Remove-FirewallRule -Control SmtpRate -Network appz',
        'Get-DockerNetwork appz', 'Get-DockerNetworkHardening -Id HOST-ACCESS -Network appz', 'Trace-ContainerAccess -Network appz' {
        $output = & ([scriptblock]::Create("$_ -ErrorAction Continue")) 2>&1
        $failed = @($output | Where-Object { $_ -is [System.Management.Automation.ErrorRecord] })
        $failed.FullyQualifiedErrorId | Should -BeLike 'NetworkNotFound,*'
        "$failed" | Should -BeLike ($_ -like 'Trace*' ? "*'appz'; its networks are apps,*" : "*'appz'. Did you mean 'apps'? The networks there: 'apps', 'bridge', 'host', 'none'.*")
        $output | Where-Object { $_.PSObject.Properties['Status'] -and $_.Status -eq 'Unchanged' } | Should -BeNullOrEmpty
    }

    It 'goes on with the names that there are' {
        $rules = Get-FirewallRule -Network apps, appz -ErrorVariable failed -ErrorAction SilentlyContinue
        $rules.Network | Select-Object -Unique | Should -Be 'apps'
        $failed.FullyQualifiedErrorId | Should -BeLike 'NetworkNotFound,*'
        $result = Remove-FirewallRule -Network appz, apps -ErrorVariable failed -ErrorAction SilentlyContinue
        $result.Status | Should -Be 'Applied'
        $failed.FullyQualifiedErrorId | Should -BeLike 'NetworkNotFound,*'
    }

    It 'says nothing of a network without rules, of a pattern without a match, and of a check that finds nothing' {
        Get-FirewallRule -Network host -ErrorAction Stop | Should -BeNullOrEmpty
        (Remove-FirewallRule -Network host -ErrorAction Stop).Status | Should -Be 'Unchanged'
        Get-DockerNetwork none-* -ErrorAction Stop | Should -BeNullOrEmpty
        (Get-DockerNetworkHardening -Id DOCKER-ROOTLESS -ErrorAction Stop).Status | Should -Be 'Pass'
    }

    It 'says that Docker did not answer, where nothing else could know the name' {
        $docker = $env:DOCKER_HOST
        $env:DOCKER_HOST = "unix://$TestDrive/no.sock"
        try { Get-FirewallRule -Network appz -ErrorVariable failed -ErrorAction SilentlyContinue -WarningAction Ignore }
        finally { $env:DOCKER_HOST = $docker }
        $failed.FullyQualifiedErrorId | Should -BeLike 'DockerNotInstalled,*'
    }
}
