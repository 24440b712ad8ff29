BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Remove-FirewallRule and what is not a rule' {
    It 'ends at the first element that is not a rule' { { '-A DOCKER-USER -j DROP', 7 | Remove-FirewallRule } | Should -Throw -ErrorId 'InvalidRule,*' }

    It 'chooses in one way only' { { Remove-FirewallRule -Control Custom -All } | Should -Throw -ErrorId 'AmbiguousParameterSet,*' }
}

Describe "Remove-FirewallRule on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll { $before = Get-TableText }

    BeforeEach { & { Block-ContainerMetadataAccess aws; Block-ContainerMetadataAccess azure; Set-SmtpRateLimit; Block-ContainerInternalAccess -Network apps } | Invoke-FirewallRule | Out-Null }

    AfterEach { Remove-FirewallRule -All | Out-Null }

    It 'removes all that is ours, chains and jumps included' {
        $result = Remove-FirewallRule -All
        $result.Status, $result.Verified | Should -Be @('Applied', $true)
        Get-TableText | Should -BeExactly $before
        (Remove-FirewallRule -All).Status | Should -Be 'Unchanged'
    }

    It 'removes nothing with -All:$false' { (Remove-FirewallRule -All:$false).Status | Should -Be 'Unchanged' }

    It 'removes by control' {
        Remove-FirewallRule -Control SmtpRate | Out-Null
        (Get-FirewallRule).Control | Sort-Object -Unique | Should -Be @('InternalAccess', 'MetadataAccess')
        iptables-save | Should -Not -Match 'DNH-SMTP'
    }

    It 'removes by network, and by control and network' {
        (Remove-FirewallRule -Control MetadataAccess -Network apps).Status | Should -Be 'Unchanged'
        Remove-FirewallRule -Network apps | Out-Null
        (Get-FirewallRule).Control | Sort-Object -Unique | Should -Be @('MetadataAccess', 'SmtpRate')
    }

    It 'removes the rules that it is given, as <_>' -ForEach 'rules', 'text', 'installed rules', 'JSON' {
        $rules = Block-ContainerMetadataAccess aws
        $result = switch ($_) {
            'rules' { $rules | Remove-FirewallRule }
            'text' { $rules | ForEach-Object { "$_" } | Remove-FirewallRule }
            'installed rules' { Get-FirewallRule | Where-Object Subject -EQ aws | Remove-FirewallRule }
            'JSON' { $rules | ConvertTo-Json | ConvertFrom-Json | Remove-FirewallRule }
        }
        # With the last rule in IPv6, its jumps go too.
        $result.Removed | Where-Object { $_ -cnotlike '* -I *' } | Should -HaveCount 13
        (Get-FirewallRule MetadataAccess).Subject | Select-Object -Unique | Should -Be 'azure'
    }

    It 'removes the last rules of a network that is gone: they alone named it' {
        New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -Network gone -InterfaceAlias br-gone | Invoke-FirewallRule | Out-Null
        $result = Remove-FirewallRule -Network gone -ErrorAction Stop
        $result.Status, $result.Verified | Should -Be @('Applied', $true)
        Get-FirewallRule Custom | Should -BeNullOrEmpty
    }

    It 'removes our rule although somebody else has the same words' {
        iptables -A DOCKER-USER -d 10.0.0.6/32 -j DROP
        try {
            '-A DOCKER-USER -d 10.0.0.6 -j DROP' | Invoke-FirewallRule | Out-Null
            ('-A DOCKER-USER -d 10.0.0.6 -j DROP' | Remove-FirewallRule -ErrorAction Stop).Status | Should -Be 'Applied'
        }
        finally { iptables -D DOCKER-USER -d 10.0.0.6/32 -j DROP }
    }

    It 'does nothing if nothing comes down the pipeline' {
        $own = Get-TableText
        Get-FirewallRule -Network host | Remove-FirewallRule | Should -BeNullOrEmpty
        Get-TableText | Should -BeExactly $own
    }

    It 'refuses somebody else''s rule, as an object and as text' {
        $own = Get-TableText
        $foreign = Get-FirewallRule -All | Where-Object Text -EQ 'iptables -A DOCKER-USER -j RETURN'
        { Get-FirewallRule SmtpRate | Select-Object -First 1 | ForEach-Object { $_; $foreign } | Remove-FirewallRule } | Should -Throw -ErrorId 'NotOurs,*'
        { '-A DOCKER-USER -j RETURN' | Remove-FirewallRule -ErrorAction Stop } | Should -Throw -ErrorId 'NotOurs,*'
        Get-TableText | Should -BeExactly $own
    }

    It 'says under -WhatIf what would go out' {
        $own = Get-TableText
        $planned = Remove-FirewallRule -Control SmtpRate -WhatIf
        $planned.Status | Should -Be 'Planned'
        $planned.Removed -like '*DNH-SMTP*' | Should -Not -BeNullOrEmpty
        Get-TableText | Should -BeExactly $own
    }
}
