# What survives the next start. Saving writes below /etc, so each test runs a separate pwsh with its own /etc; the lab's namespace has only its own tables.

BeforeDiscovery {
    . $PSScriptRoot/Common.ps1
    $ownFiles = Get-OwnFilesReason
}

Describe 'Save-FirewallRule and what it is given' {
    BeforeAll {
        . $PSScriptRoot/Common.ps1
        Import-Module (Get-StagedModule) -Force
    }

    It 'knows the methods' { { Save-FirewallRule -Method Cron -WhatIf } | Should -Throw -ErrorId 'CannotConvertArgumentNoMessage,*' }

    It 'is a way of its own to remove' { { Remove-FirewallRule -Saved -All } | Should -Throw -ErrorId 'AmbiguousParameterSet,*' }
}

Describe "Save-FirewallRule on a Docker host$(Get-LabReason)$ownFiles" -Skip:(-not $env:DNH_LAB -or $ownFiles) {
    BeforeAll {
        . $PSScriptRoot/Common.ps1
        Import-Module (Get-StagedModule) -Force
    }

    AfterEach { Remove-FirewallRule -All -WarningAction Ignore | Out-Null }

    It 'saves what is applied, once' {
        Block-ContainerMetadataAccess aws | Invoke-FirewallRule | Out-Null
        $first, $second = Invoke-WithOwnFiles 'Save-FirewallRule Systemd; Save-FirewallRule -Method Systemd'
        $first.Status, $first.Method, $first.Enabled, $first.HostName, $first.Unit | Should -Be @('Saved', 'Systemd', $true, 'localhost', 'docker-net-harden.service')
        $first.Count | Should -Be (Get-FirewallRule).Count
        $first.Files | Should -Contain '/etc/docker-net-harden/saved'
        $second.Status | Should -Be 'Unchanged'
    }

    It 'shows with -WhatIf what it would write and writes nothing' {
        Block-ContainerMetadataAccess aws | Invoke-FirewallRule | Out-Null
        $planned, $there = Invoke-WithOwnFiles 'Save-FirewallRule -Method Systemd -WhatIf; Test-Path /etc/docker-net-harden'
        $planned.Status, $planned.Enabled, $there | Should -Be @('Planned', $false, $false)
    }

    It 'brings the rules back when the unit''s command is run, and takes back what it wrote' {
        Block-ContainerMetadataAccess aws | Invoke-FirewallRule | Out-Null
        $before = (Get-FirewallRule).Text | Sort-Object
        $after, $removed, $left, $again = Invoke-WithOwnFiles '
            Save-FirewallRule -Method Systemd | Out-Null
            Remove-FirewallRule -All -WarningAction Ignore | Out-Null
            sh /etc/docker-net-harden/loader load 2>$null
            , (Get-FirewallRule).Text
            Remove-FirewallRule -Saved
            @(Get-ChildItem /etc/systemd/system -Recurse -Filter *docker-net-harden*).Count + [int](Test-Path /etc/docker-net-harden)
            Remove-FirewallRule -Saved'
        $after | Sort-Object | Should -Be $before
        $removed.Status, $left, $again.Status | Should -Be @('Removed', 0, 'Unchanged')
        Block-ContainerMetadataAccess aws | Test-FirewallRule | Should -BeTrue
    }

    It 'warns of rules that are removed from the tables and come back' {
        Block-ContainerMetadataAccess aws | Invoke-FirewallRule | Out-Null
        $warned, $silent = Invoke-WithOwnFiles '
            Save-FirewallRule -Method Systemd | Out-Null
            Remove-FirewallRule -All -WarningVariable said -WarningAction SilentlyContinue | Out-Null
            "$said"
            Remove-FirewallRule -Saved | Out-Null
            Block-ContainerMetadataAccess aws | Invoke-FirewallRule | Out-Null
            Remove-FirewallRule -All -WarningVariable said -WarningAction SilentlyContinue | Out-Null
            "$said"'
        $warned | Should -BeLike '*Remove-FirewallRule -Saved*'
        $silent | Should -BeNullOrEmpty
    }

    It 'fails if there is nothing to save, if the host has no method, and while a change waits' {
        $ids = Invoke-WithOwnFiles '
            function Get-Id([scriptblock] $Script) { try { & $Script | Out-Null; "none" } catch { $_.FullyQualifiedErrorId } }
            Get-Id { Save-FirewallRule -Method Systemd -ErrorAction Stop }
            $waiting = Block-ContainerMetadataAccess aws | Invoke-FirewallRule -RollbackAfter 60
            Get-Id { Save-FirewallRule -Method Systemd -ErrorAction Stop }
            $waiting | Confirm-FirewallChange -Confirm:$false | Out-Null
            Get-Id { Save-FirewallRule -ErrorAction Stop }'
        $ids | Should -Be ('NothingToDo', 'RollbackPending', 'CannotSave' | ForEach-Object { "$_,DockerNetHarden.Commands.SaveFirewallRuleCommand" })
    }
}
