# Changes that a host takes back by itself unless they are confirmed: on this machine, in another network namespace, and over ssh.

BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

Describe "Rollback on this machine$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll {
        . $PSScriptRoot/Common.ps1
        Import-Module (Get-StagedModule) -Force
        Add-TestHost
    }

    AfterEach { Remove-FirewallRule -All | Out-Null }

    It 'puts back what was there if nobody confirms, and a late confirmation says so' {
        Set-SmtpRateLimit 5 | Invoke-FirewallRule | Out-Null
        $before = Get-TableText
        $result = Set-SmtpRateLimit 7 | Invoke-FirewallRule -RollbackAfter 3
        $result.Status, $result.Verified | Should -Be @('AwaitingConfirmation', $true)
        $result.RollbackId | Should -Match '^[0-9a-f]{32}$'
        $result.RollbackAt | Should -BeLessThan ([DateTimeOffset]::UtcNow.AddSeconds(4))
        Get-TableText | Should -Not -BeExactly $before
        for ($i = 0; $i -lt 100 -and (Get-TableText) -cne $before; $i++) { Start-Sleep -Milliseconds 100 }
        Get-TableText | Should -BeExactly $before
        Start-Sleep 1
        $result | Confirm-FirewallChange -Confirm:$false -ErrorAction SilentlyContinue -ErrorVariable failures | Should -BeNullOrEmpty
        $failures.FullyQualifiedErrorId | Should -Be 'RolledBack,DockerNetHarden.Commands.ConfirmFirewallChangeCommand'
    }

    It 'keeps what is confirmed, from the pipeline, and confirming twice does no harm' {
        $result = Set-SmtpRateLimit 7 | Invoke-FirewallRule -RollbackAfter 4 | Confirm-FirewallChange -Confirm:$false
        $result.Status, $result.HostName | Should -Be @('Confirmed', 'localhost')
        $kept = Get-TableText
        Start-Sleep 5
        Get-TableText | Should -BeExactly $kept
        (Confirm-FirewallChange -Id $result.RollbackId -Confirm:$false).Status | Should -Be 'Confirmed'
        # A result that waits for no confirmation is passed on, without a question.
        ($result | Confirm-FirewallChange).Status | Should -Be 'Confirmed'
    }

    It 'keeps what another shell confirms' {
        $result = Set-SmtpRateLimit 7 | Invoke-FirewallRule -RollbackAfter 20
        $output = Invoke-Pwsh "Import-Module '$(Get-StagedModule)'; (Confirm-FirewallChange -Id $($result.RollbackId) -Confirm:`$false).Status"
        $output | Should -Be 'Confirmed'
    }

    It 'asks before it confirms, and a no leaves the timer running' {
        $answering = [DockerNetHardenTest.AnsweringHost]::new()
        $answering.Answers.Answer = 2
        $shell = New-TestShell $answering
        $refused = $shell.AddScript('Set-SmtpRateLimit 7 | Invoke-FirewallRule -RollbackAfter 4 | Confirm-FirewallChange').Invoke()
        $shell.Dispose()
        $answering.Answers.Questions | Should -HaveCount 1
        $answering.Answers.Questions[0] | Should -BeLike "*$($refused.RollbackId)*Without a yes the host puts back what was there at *"
        "$($refused.Status)" | Should -Be 'AwaitingConfirmation'
        for ($i = 0; $i -lt 120 -and (Get-FirewallRule); $i++) { Start-Sleep -Milliseconds 100 }
        Get-FirewallRule | Should -BeNullOrEmpty
    }

    It 'starts no timer if nothing changes, and none under -WhatIf' {
        Set-SmtpRateLimit | Invoke-FirewallRule | Out-Null
        $again = Set-SmtpRateLimit | Invoke-FirewallRule -RollbackAfter 30
        "$($again.Status)", $again.RollbackId | Should -Be @('Unchanged', $null)
        $planned = Set-SmtpRateLimit 9 | Invoke-FirewallRule -RollbackAfter 30 -WhatIf
        "$($planned.Status)", $planned.RollbackId | Should -Be @('Planned', $null)
    }

    It 'refuses an invalid id, and one that the host does not know' {
        Confirm-FirewallChange -Id nonsense -Confirm:$false -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures.FullyQualifiedErrorId | Should -BeLike 'InvalidArgument,*'
        Confirm-FirewallChange -Id ('0' * 32) -Confirm:$false -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures.FullyQualifiedErrorId | Should -BeLike 'RollbackUnknown,*'
    }
}

Describe "Rollback over ssh$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll {
        . $PSScriptRoot/Common.ps1
        Import-Module (Get-StagedModule) -Force
        $fleet = Enter-TestFleet 2
        $all = $fleet.hosts.name
    }

    AfterAll { Exit-TestFleet $fleet }

    It 'confirms what does not cut the way in, by a new connection' {
        $results = Block-ContainerMetadataAccess | Invoke-FirewallRule -HostName $all -RollbackAfter 20
        $results.Status | Select-Object -Unique | Should -Be 'Confirmed'
        $results.Verified | Should -Not -Contain $false
        Block-ContainerMetadataAccess | Test-FirewallRule -HostName $all | Should -BeTrue
    }

    It 'takes back what cuts the way in, and the host answers again' {
        $before = (Get-FirewallRule -HostName $all[0]).Text
        $rule = New-FirewallRule -Action Drop -Chain INPUT -Protocol tcp -DPort 22 -Name lockout
        $clock = [Diagnostics.Stopwatch]::StartNew()
        $result = $rule | Invoke-FirewallRule -HostName $all[0] -Force -RollbackAfter 5 -ConnectingTimeout 3000
        $clock.Elapsed.TotalSeconds | Should -BeLessThan 40
        "$($result.Status)", $result.Verified | Should -Be @('RolledBack', $false)
        (Get-FirewallRule -HostName $all[0]).Text | Should -Be $before
    }
}
