BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe '-ReportOnly' {
    It '<Name> emits rules under the same marks that decide nothing' -ForEach @(
        @{ Name = 'Block-ContainerMetadataAccess'; Parameters = @{} }, @{ Name = 'Block-ContainerHostAccess'; Parameters = @{ Log = $true } }, @{ Name = 'Block-ContainerInternalAccess'; Parameters = @{ Network = 'apps' } },
        @{ Name = 'Set-SmtpRateLimit'; Parameters = @{} }, @{ Name = 'New-FirewallRule'; Parameters = @{ Action = 'Drop'; RemoteAddress = '10.0.0.5'; Name = 'mine' } }
    ) {
        $blocks, $reports = @(& $Name @Parameters), @(& $Name @Parameters -ReportOnly)
        ($reports | ForEach-Object { "$($_.Control)/$($_.Subject):$($_.Network)" } | Select-Object -Unique) | Should -Be ($blocks | ForEach-Object { "$($_.Control)/$($_.Subject):$($_.Network)" } | Select-Object -Unique)
        $reports.Action | Select-Object -Unique | Should -BeIn @('Report', 'Return')
        $reports.Action | Should -Contain 'Report'
        foreach ($rule in $reports) { [DockerNetHarden.Rules.FirewallRule]::Parse("$rule") | Should -Be $rule }
    }

    It 'refuses a rule that lets packets pass' {
        { New-FirewallRule -Action Accept -RemoteAddress 10.0.0.5 -ReportOnly } | Should -Throw -ErrorId 'InvalidRule,*'
        { '-A DOCKER-USER -d 10.0.0.5 -j RETURN' | New-FirewallRule -ReportOnly } | Should -Throw -ErrorId 'InvalidRule,*'
    }
}

Describe 'The view of what rules met' {
    It 'fits 80 columns, and tells a report from a block' {
        $type = [DockerNetHarden.Effects.BlockedAccess]
        function New-Met($Values) {
            $made = [Runtime.CompilerServices.RuntimeHelpers]::GetUninitializedObject($type)
            foreach ($name in $Values.Keys) { $property = $type.GetProperty($name); $property.SetValue($made, [Management.Automation.LanguagePrimitives]::ConvertTo($Values[$name], $property.PropertyType)) }
            $made
        }
        $rows = @(
            New-Met @{ HostName = 'web1'; Container = 'web'; Network = 'apps'; Destination = '169.254.169.254'; Port = '80'; Protocol = 'tcp'; Control = 'MetadataAccess'; ReportOnly = $true; Count = [long]20 }
            New-Met @{ HostName = 'web1'; Network = 'apps'; Destination = '10.0.0.0/8,172.16.0.0/12,192.168.0.0/16'; Control = 'InternalAccess:apps'; Count = [long]3 }
        )
        $text = ($rows | Out-String -Width 80) -split "`n"
        $text | ForEach-Object { $_.TrimEnd().Length | Should -BeLessOrEqual 80 }
        $text -match '^web +apps +169\.254\.169\.254:80/tcp +MetadataAccess +reported +20' | Should -HaveCount 1
        $text -match '^\? +apps +10\.0\.0\.0/8,\.\.\. +InternalAccess:apps +blocked +3' | Should -HaveCount 1
    }
}

Describe "Get-BlockedAccess on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    AfterEach { Remove-FirewallRule -All | Out-Null }

    It 'counts what would be blocked, and then what is' {
        Block-ContainerMetadataAccess -ReportOnly | Invoke-FirewallRule | Out-Null
        Get-Reach a1 169.254.169.254 80 | Should -Be 'Open'
        $met = @(Get-BlockedAccess)
        $met | Should -BeOfType ([DockerNetHarden.Effects.BlockedAccess])
        ($met | Measure-Object Count -Sum).Sum | Should -Be 1
        $met[0].ReportOnly, $met[0].Control, $met[0].HostName | Should -Be @($true, 'MetadataAccess', 'localhost')
        (Get-FirewallRule).ReportOnly | Select-Object -Unique | Should -BeTrue
        Block-ContainerMetadataAccess | Test-FirewallRule | Should -BeFalse

        Block-ContainerMetadataAccess | Invoke-FirewallRule | Out-Null
        Get-Reach a1 169.254.169.254 80 | Should -Be 'Refused'
        Get-BlockedAccess -ReportOnly | Should -BeNullOrEmpty
        $blocked = @(Get-BlockedAccess MetadataAccess)
        $blocked[0].ReportOnly, $blocked[0].Container | Should -Be @($false, $null)
        $blocked[0].Note | Should -BeLike 'Which container it was is not known*'
        (Get-FirewallRule).ReportOnly | Select-Object -Unique | Should -BeFalse
    }

    It 'warns if what is closed is opened again, and does it' {
        Block-ContainerMetadataAccess aws | Invoke-FirewallRule | Out-Null
        $again = Block-ContainerMetadataAccess aws -ReportOnly | Invoke-FirewallRule -WarningVariable warned -WarningAction SilentlyContinue
        $again.Status, $again.Verified | Should -Be @('Applied', $true)
        $warned -join ' ' | Should -BeLike '*MetadataAccess/aws blocks on localhost now, and only reports after this*'
    }
}
