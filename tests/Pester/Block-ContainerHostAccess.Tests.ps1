BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Block-ContainerHostAccess' {
    It 'blocks in INPUT of both families, always by the container''s in-interface' {
        $blocks = Block-ContainerHostAccess | Where-Object Action -NE Return
        $blocks.Chain | Select-Object -Unique | Should -Be 'INPUT'
        $blocks.Family | Select-Object -Unique | Should -HaveCount 2
        $blocks | Where-Object { -not $_.InInterface } | Should -BeNullOrEmpty
    }

    It 'never blocks by source alone' {
        (Block-ContainerHostAccess | Where-Object { $_.Source -and $_.Action -ne 'Return' }).InInterface | Select-Object -Unique | Should -Be 'docker:new-bridges'
    }

    It 'leaves neighbour discovery and path MTU alone' {
        (Block-ContainerHostAccess | Where-Object IcmpType).IcmpType | Should -Be @('135', '136', '2')
    }

    It 'keeps DNS to the containers'' own resolvers, to all, or to none' {
        (Block-ContainerHostAccess | Where-Object DestinationPort -EQ 53).Destination | Select-Object -Unique | Should -Be 'docker:resolvers'
        Block-ContainerHostAccess -AllowDns | Where-Object { $_.DestinationPort -eq 53 -and $_.Destination } | Should -BeNullOrEmpty
        Block-ContainerHostAccess -BlockDns | Where-Object DestinationPort -EQ 53 | Should -BeNullOrEmpty
    }

    It 'keeps a port open, at one address if one is named' {
        $kept = Block-ContainerHostAccess -AllowPort 8080 -AllowAddress 172.31.5.4 | Where-Object DestinationPort -EQ 8080
        $kept.Destination | Should -Be '172.31.5.4/32'
        $kept.Action | Should -Be 'Return'
    }

    It 'keeps published ports open if asked' {
        (Block-ContainerHostAccess).DestinationPort | Should -Not -Contain 'docker:published'
        (Block-ContainerHostAccess -AllowPublishedPort).DestinationPort | Should -Contain 'docker:published'
    }

    It 'closes only the addresses that are named, of their family' {
        $blocks = Block-ContainerHostAccess -HostAddress 172.31.5.4, 192.168.7.4 | Where-Object Action -NE Return
        $blocks.Destination | Select-Object -Unique | Should -Be '172.31.5.4/32,192.168.7.4/32'
        $blocks.Family | Select-Object -Unique | Should -Be 'IPv4'
    }

    It 'refuses <Value> as -<Parameter>' -ForEach @(
        @{ Parameter = 'HostAddress'; Value = '172.31.5.4/20'; Id = 'InvalidAddress' }
        @{ Parameter = 'HostAddress'; Value = 'fe80::1%eth0'; Id = 'InvalidAddress' }
        @{ Parameter = 'AllowAddress'; Value = '1.2.3'; Id = 'InvalidAddress' }
        @{ Parameter = 'AllowPort'; Value = 'ssh'; Id = 'InvalidPort' }
    ) {
        $bad = @{ $Parameter = $Value }
        { Block-ContainerHostAccess @bad } | Should -Throw -ErrorId "$Id,*"
    }
}
