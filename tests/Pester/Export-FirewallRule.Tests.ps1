BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Export-FirewallRule without a host' {
    It 'emits the rules for <_>' -ForEach 'IptablesRestore', 'Nftables', 'Shell', 'Ansible', 'CloudInit' {
        $text = Block-ContainerMetadataAccess gcp | Export-FirewallRule -As $_
        $text | Should -BeOfType ([string])
        "$text" | Should -BeLike '*169.254.169.254*'
    }

    It 'writes a file without a byte order mark, and not a second time without -Force' {
        $path = Join-Path $TestDrive rules.sh
        $rules = Block-ContainerMetadataAccess gcp
        $file = $rules | Export-FirewallRule -As Shell -Path $path
        $file | Should -BeOfType ([System.IO.FileInfo])
        [System.IO.File]::ReadAllBytes($path)[0..1] | Should -Be ([byte[]] (0x23, 0x21))
        $before = Get-Content -Raw $path
        $rules | Export-FirewallRule -As Nftables -Path $path -ErrorAction SilentlyContinue -ErrorVariable failure | Should -BeNullOrEmpty
        $failure.FullyQualifiedErrorId | Should -BeLike 'AlreadyExists,*'
        Get-Content -Raw $path | Should -Be $before
        ($rules | Export-FirewallRule -As Nftables -Path $path -Force).Name | Should -Be rules.sh
        Get-Content -Raw $path | Should -Not -Be $before
    }

    It 'writes nothing under -WhatIf' {
        $path = Join-Path $TestDrive never.yml
        Block-ContainerMetadataAccess gcp | Export-FirewallRule -As Ansible -Path $path -WhatIf | Should -BeNullOrEmpty
        $path | Should -Not -Exist
    }

    It 'writes a file for each family if the rules have both' {
        $files = '-A DOCKER-USER -d 10.0.0.5 -j DROP', '-6 -A INPUT -i web0 -j DROP' | Export-FirewallRule -As IptablesRestore -Path (Join-Path $TestDrive both)
        $files.Name | Should -Be 'both.v4', 'both.v6'
    }

    It 'refuses what could lock somebody out' {
        { '-A INPUT -p tcp --dport 22 -j DROP' | Export-FirewallRule -As Shell } | Should -Throw -ErrorId 'NeedsForce,*'
        '-A INPUT -p tcp --dport 22 -j DROP' | Export-FirewallRule -As Shell -Force | Should -BeLike '*--dport 22*'
    }

    It 'refuses what nftables cannot express, and names the rule' {
        { '-A DOCKER-USER -m set --match-set bad dst -j DROP' | Export-FirewallRule -As Nftables } | Should -Throw '*bad dst*ipset*'
    }

    It 'ends at the first element that is not a rule' {
        { '-A DOCKER-USER -j DROP', $null | Export-FirewallRule -As Shell } | Should -Throw -ErrorId 'InvalidRule,*'
        { @() | Export-FirewallRule -As Shell } | Should -Throw -ErrorId 'NoRule,*'
    }
}

Describe "Export-FirewallRule on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    It 'asks it for its bridges' {
        Block-ContainerHostAccess | Export-FirewallRule -As Nftables | Should -BeLike '*iifname "apps0"*'
    }

    It 'names the operand that means nothing there' {
        Block-ContainerHostAccess -Network nowhere | Export-FirewallRule -As Shell -ErrorAction SilentlyContinue -ErrorVariable failure | Should -BeNullOrEmpty
        $failure.FullyQualifiedErrorId | Should -Contain 'ExportNeedsHost,DockerNetHarden.Commands.ExportFirewallRuleCommand'
        "$failure" | Should -BeLike '*network:nowhere*'
    }
}
