BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force

    # Runs the module's own tests as a pipeline does, in a separate pwsh, and returns the results that it wrote.
    function Invoke-Compliance([string] $Data, [string] $Format = 'NUnitXml') {
        $tests = Join-Path (Split-Path (Get-StagedModule)) 'Compliance'
        $results = "$TestDrive/$(New-Guid).xml"
        Invoke-Pwsh @"
            Import-Module Pester -MinimumVersion 5.5
            `$configuration = New-PesterConfiguration
            `$configuration.Run.Container = New-PesterContainer -Path '$tests' -Data $Data
            `$configuration.TestResult.Enabled = `$true
            `$configuration.TestResult.OutputFormat = '$Format'
            `$configuration.TestResult.OutputPath = '$results'
            `$configuration.Output.Verbosity = 'None'
            Invoke-Pester -Configuration `$configuration
"@ | Out-Null
        [xml] (Get-Content $results -Raw)
    }
}

Describe 'Compliance/DockerNetHarden.Tests.ps1' {
    It 'fails for a file that is no snapshot' {
        Set-Content "$TestDrive/broken.json" '{'
        $results = Invoke-Compliance "@{ Snapshot = '$TestDrive/broken.json' }"
        [int] $results.'test-results'.failures | Should -BeGreaterThan 0
    }
}

Describe "Compliance/DockerNetHarden.Tests.ps1 on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    AfterEach { Remove-FirewallRule -All | Out-Null }

    It 'has a test for each finding, which fails as the finding does' {
        Export-DockerHostSnapshot "$TestDrive/bare.json" | Out-Null
        $expected = Get-DockerNetworkHardening -Snapshot "$TestDrive/bare.json" -All -Severity Medium
        $results = Invoke-Compliance "@{ Snapshot = '$TestDrive/bare.json' }"
        $cases = $results.SelectNodes('//test-case')
        $cases.Count | Should -Be ($expected.Count + 1)
        foreach ($finding in $expected) {
            $about = (@($finding.Network, $finding.Container) | Where-Object { $_ }) -join '/'
            $case = @($cases | Where-Object { $_.name -like "*$($finding.Id) $about $($finding.Title)" })
            $case | Should -HaveCount 1 -Because $finding.Id
            ($case[0].result -eq 'Success') | Should -Be ("$($finding.Status)" -in 'Pass', 'NotApplicable') -Because $finding.Id
        }
        "$($results.SelectNodes('//failure/message').InnerText)" | Should -Match 'Block-ContainerHostAccess'
    }

    It 'passes on this host once it is hardened, and asks about a policy' {
        Get-DockerNetworkHardening | Where-Object Status -eq Fail | Invoke-FirewallRule | Out-Null
        Export-HardeningPolicy "$TestDrive/policy.json" -WarningAction SilentlyContinue | Out-Null
        $results = Invoke-Compliance "@{ Exclude = 'RULES-SAVED'; Policy = '$TestDrive/policy.json' }" 'JUnitXml'
        [int] $results.testsuites.failures | Should -Be 0
        $results.SelectNodes('//testcase').name | Should -Contain 'Policy.holds on localhost: its rules are there, and decide'
        Remove-FirewallRule -Control HostAccess | Out-Null
        $results = Invoke-Compliance "@{ Exclude = 'RULES-SAVED'; Policy = '$TestDrive/policy.json' }" 'JUnitXml'
        [int] $results.testsuites.failures | Should -BeGreaterThan 1
    }
}
