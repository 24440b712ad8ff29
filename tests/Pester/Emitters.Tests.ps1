# What all emitters have in common.
BeforeDiscovery {
    $emitters = @(
        @{ Name = 'Block-ContainerMetadataAccess'; Parameters = @{}; Control = 'MetadataAccess'; Action = 'Reject' }
        @{ Name = 'Block-ContainerHostAccess'; Parameters = @{}; Control = 'HostAccess'; Action = 'Reject' }
        @{ Name = 'Block-ContainerInternalAccess'; Parameters = @{}; Control = 'InternalAccess'; Action = 'Reject' }
        @{ Name = 'Set-SmtpRateLimit'; Parameters = @{}; Control = 'SmtpRate'; Action = 'Drop' }
        @{ Name = 'New-FirewallRule'; Parameters = @{ Action = 'Drop'; RemoteAddress = '10.0.0.5' }; Control = 'Custom'; Action = 'Drop' }
    )
    $controls = $emitters | Where-Object Control -NE Custom
}

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe '<Name>' -ForEach $emitters {
    BeforeAll { $rules = @(& $Name @Parameters) }

    It 'emits rules of its control' {
        $rules.Count | Should -BeGreaterThan 0
        $rules | Should -BeOfType ([DockerNetHarden.Rules.FirewallRule])
        $rules.Control | Select-Object -Unique | Should -Be $Control
    }

    It 'emits the same each time' { "$(& $Name @Parameters)" | Should -BeExactly "$rules" }

    It 'emits rules whose text is the whole rule' {
        foreach ($rule in $rules) { [DockerNetHarden.Rules.FirewallRule]::Parse("$rule") | Should -Be $rule }
    }

    It 'emits rules of flat values, so that JSON of the default depth holds all of them' {
        foreach ($property in $rules[0].psobject.Properties) {
            if ($null -ne $property.Value) { ($property.Value -is [string] -or $property.Value -is [ValueType]) | Should -BeTrue -Because $property.Name }
        }
        $rules | ConvertTo-Json -WarningVariable warned -WarningAction SilentlyContinue | Should -Not -BeNullOrEmpty
        $warned | Should -BeNullOrEmpty
    }

    It 'takes networks from the pipeline, each with the host that it was read from' {
        $one = @(& $Name @Parameters -Network web)
        $rules = [pscustomobject]@{ Network = 'web'; HostName = 'h1' }, [pscustomobject]@{ Network = 'web'; HostName = 'h2' }, [pscustomobject]@{ Network = 'web'; HostName = 'h1' } | & $Name @Parameters
        "$rules" | Should -BeExactly "$one $one"
        ($rules | Group-Object HostName).Name | Should -Be @('h1', 'h2')
        $unnamed = [pscustomobject]@{ Network = 'web' } | & $Name @Parameters
        $unnamed[0].psobject.Properties['HostName'] | Should -BeNullOrEmpty
    }

    It 'emits nothing for input that names no network' {
        $rules = 'web', [pscustomobject]@{ Nettwork = 'web' }, [pscustomobject]@{ Network = $null; HostName = 'h1' } | & $Name @Parameters -ErrorVariable failures -ErrorAction SilentlyContinue
        $rules | Should -BeNullOrEmpty
        $failures.Count | Should -Be 3
        @() | & $Name @Parameters | Should -BeNullOrEmpty
    }

    It 'has no -WhatIf: it changes nothing' { (Get-Command $Name).Parameters.Keys | Should -Not -Contain 'WhatIf' }

    It 'shows a table of chain, destination, port, action and mark' {
        $table = $rules[0] | Format-Table | Out-String -Width 250
        foreach ($column in 'Chain', 'Destination', 'Port', 'Action', 'Mark') { $table | Should -Match "\b$column\b" }
        $table | Should -Match "$Control"
    }
}

Describe '<Name>, as all controls' -ForEach $controls {
    It 'blocks by <Action> unless told otherwise' {
        $blocks = @(& $Name | Where-Object { $_.Action -in 'Drop', 'Reject' })
        $blocks.Action | Should -Contain $Action
        if ($Action -eq 'Drop') { $blocks.Action | Should -Not -Contain 'Reject' }
    }

    It 'rejects or drops as asked' {
        (& $Name -Action Reject).Action | Should -Contain 'Reject'
        (& $Name -Action Drop).Action | Should -Not -Contain 'Reject'
    }

    It 'knows no other answer' { { & $Name -Action Accept } | Should -Throw -ErrorId "ParameterArgumentValidationError*" }

    It 'logs before it blocks, if asked' {
        (& $Name).Action | Should -Not -Contain 'Log'
        $log = & $Name -Log | Where-Object Action -EQ Log | Select-Object -First 1
        $log.LogPrefix | Should -Be "DNH $Control "
        $log.Limit | Should -Be '10/min'
    }

    It 'has a mark for each network' {
        $rules = & $Name -Network web, apps
        $rules.Network | Select-Object -Unique | Should -Be @('web', 'apps')
        ($rules | Where-Object Chain -In 'DOCKER-USER', 'INPUT' | Where-Object InInterface).InInterface | Select-Object -Unique | Should -Be @('network:web', 'network:apps')
    }

    It 'leaves out networks of the whole host' {
        (& $Name -ExceptNetwork trusted | Where-Object Action -EQ Return).InInterface | Should -Contain 'network:trusted'
    }

    It 'is for some networks or for all but some, not for both' {
        { & $Name -Network web -ExceptNetwork apps } | Should -Throw -ErrorId 'AmbiguousParameterSet,*'
    }

    It 'refuses <Bad> as a network' -ForEach @(
        @{ Bad = '$(reboot)' }, @{ Bad = "'; rm -rf /" }, @{ Bad = '-j ACCEPT' }, @{ Bad = 'a b' }, @{ Bad = "a`nb" }
    ) {
        $failure = Get-TerminatingError { & $Name -Network $Bad }
        $failure.FullyQualifiedErrorId | Should -BeLike 'InvalidName,DockerNetHarden.Commands.*'
        $failure.TargetObject | Should -Be $Bad
        $failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        { & $Name -ExceptNetwork $Bad } | Should -Throw -ErrorId 'InvalidName,*'
    }
}
