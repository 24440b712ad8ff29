# What a change would do to open connections, as -WhatIf prints it and the result has it.
BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'The view of what a change would cut' {
    It 'fits 80 columns, and says who opened what' {
        $affected = [DockerNetHarden.Effects.AffectedConnection]
        function New-Affected($Values) {
            $made = [Runtime.CompilerServices.RuntimeHelpers]::GetUninitializedObject($affected)
            foreach ($name in $Values.Keys) {
                $property = $affected.GetProperty($name)
                $property.SetValue($made, [Management.Automation.LanguagePrimitives]::ConvertTo($Values[$name], $property.PropertyType))
            }
            $made
        }
        $rows = @(
            New-Affected @{ HostName = 'web1'; Container = 'web'; Network = 'apps'; Source = '172.18.0.2'; Destination = '10.0.0.7'; Port = 5432; Protocol = 'tcp'; Count = 12; Age = [timespan]'00:03:00' }
            New-Affected @{ HostName = 'web1'; Container = 'web'; Network = 'apps'; Source = '198.51.100.3'; Destination = 'fd00::7'; Port = 80; Protocol = 'tcp'; Count = 1; OpenedBy = 'Other'; Effect = 'MayBeCut' }
        )
        $text = ($rows | Out-String -Width 80) -split "`n"
        $text | ForEach-Object { $_.TrimEnd().Length | Should -BeLessOrEqual 80 }
        $text -match '^ +HostName: web1' | Should -HaveCount 1
        $text -match '^web +apps +-> 10\.0\.0\.7:5432/tcp +Cut +12 +00:03:00$' | Should -HaveCount 1
        $text -match '^web +apps +198\.51\.100\.3 -> \[fd00::7\]:80/tcp +MayBeCut +1' | Should -HaveCount 1
    }
}

Describe "A connection that is open while rules are planned$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll {
        docker exec -d a1 bash -c 'exec 3<>/dev/tcp/10.0.0.5/80; sleep 120'
        docker exec -d c0 bash -c 'exec 3<>/dev/tcp/10.0.0.5/80; sleep 120'
        for ($i = 0; $i -lt 100 -and @((Get-Content /proc/net/nf_conntrack) -match 'ESTABLISHED .*dst=10\.0\.0\.5 .*dport=80 ').Count -lt 2; $i++) { Start-Sleep -Milliseconds 50 }
        $rules = Block-ContainerInternalAccess -Network apps
    }

    AfterAll { Remove-FirewallRule -All | Out-Null }

    It 'is named by -WhatIf, with its container, and the other one is not' {
        $planned = $rules | Invoke-FirewallRule -WhatIf
        $planned.Affected | Should -HaveCount 1
        $planned.Affected | Should -BeOfType ([DockerNetHarden.Effects.AffectedConnection])
        $cut = $planned.Affected[0]
        $cut.HostName, $cut.Container, $cut.Network, "$($cut.OpenedBy)", $cut.Destination, $cut.Port, $cut.Protocol, "$($cut.Effect)", $cut.DecidedBy |
            Should -Be @('localhost', 'a1', 'apps', 'Container', '10.0.0.5', 80, 'tcp', 'Cut', 'InternalAccess:apps')
        $planned.AffectedNotes | Should -BeLike '*nf_conntrack_timestamp*'
        $printed = Invoke-Pwsh "Import-Module '$(Get-StagedModule)'; Block-ContainerInternalAccess -Network apps | Invoke-FirewallRule -WhatIf | Out-Null"
        $printed | Should -Contain '  a1 on apps -> 10.0.0.5:80/tcp, would be cut'
        $printed -join "`n" | Should -Not -Match 'c0 on bridge'
        ($planned | Out-String -Width 80) -split "`n" | ForEach-Object { $_.TrimEnd().Length | Should -BeLessOrEqual 80 }
    }

    It 'is in the result of the change itself, which a second time cuts nothing' {
        ($rules | Invoke-FirewallRule).Affected.Container | Should -Be @('a1')
        $again = $rules | Invoke-FirewallRule
        $again.Status, $again.Affected.Count | Should -Be @('Unchanged', 0)
    }
}
