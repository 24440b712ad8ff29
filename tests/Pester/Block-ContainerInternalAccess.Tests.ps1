BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Block-ContainerInternalAccess' {
    It 'blocks private, shared and link-local ranges if none is named' {
        $four, $six = (Block-ContainerInternalAccess | Where-Object Action -NE Return).Destination | Select-Object -Unique
        $four | Should -Be '10.0.0.0/8,100.64.0.0/10,169.254.0.0/16,172.16.0.0/12,192.168.0.0/16'
        foreach ($range in 'fc00::/7', 'fe80::/10', '64:ff9b::a00:0/104', '2002:a9fe::/32', '::ffff:192.168.0.0/112') { $six -split ',' | Should -Contain $range }
    }

    It 'blocks the ranges that are named' {
        $rules = Block-ContainerInternalAccess -Range 10.1.0.0/16, 10.2.0.0/16, fd12::/16 | Where-Object Action -NE Return
        ($rules | Where-Object Family -EQ IPv4).Destination | Select-Object -Unique | Should -Be '10.1.0.0/16,10.2.0.0/16'
        ($rules | Where-Object Family -EQ IPv6).Destination | Select-Object -Unique | Should -Be '::ffff:10.1.0.0/112,::ffff:10.2.0.0/112,64:ff9b::a01:0/112,64:ff9b::a02:0/112,2002:a01::/32,2002:a02::/32,fd12::/16'
        (Block-ContainerInternalAccess -Range fd12::/16).Family | Select-Object -Unique | Should -Be 'IPv6'
    }

    It 'never matches what leaves by the bridge it came from' {
        (Block-ContainerInternalAccess -Network web | Where-Object Action -NE Return).OutInterface | Select-Object -Unique | Should -Be '!network:web'
    }

    It 'keeps an internal host open, and a port of it' {
        $kept = Block-ContainerInternalAccess -AllowAddress 10.0.0.5 -AllowPort 443 | Where-Object { $_.Destination -eq '10.0.0.5/32' }
        $kept.Action | Select-Object -Unique | Should -Be 'Return'
        $kept.DestinationPort | Select-Object -Unique | Should -Be '443'
    }

    It 'closes DNS at the containers'' own resolvers too if asked' {
        (Block-ContainerInternalAccess).Destination | Should -Contain 'docker:resolvers'
        (Block-ContainerInternalAccess -BlockDns).Destination | Should -Not -Contain 'docker:resolvers'
    }

    It 'refuses the range <Value>' -ForEach @(@{ Value = '10.0.0.1/8' }, @{ Value = 'fd00::1/8' }, @{ Value = '10.0.0.0/33' }, @{ Value = '10.0.0.0/8,11.0.0.0/8' }) {
        { Block-ContainerInternalAccess -Range $Value } | Should -Throw -ErrorId 'InvalidAddress,*'
    }
}
