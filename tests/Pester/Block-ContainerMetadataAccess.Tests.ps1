BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Block-ContainerMetadataAccess' {
    It 'blocks the endpoints of every cloud if none is named' {
        $destinations = (Block-ContainerMetadataAccess | Where-Object Action -NE Return).Destination -split ','
        foreach ($address in '169.254.169.254/32', '168.63.129.16/32', '100.100.100.200/32', '169.254.42.42/32', 'fd00:ec2::254/128', 'fd20:ce::254/128') { $destinations | Should -Contain $address }
    }

    It 'has a mark for each provider, whatever the case of its name' {
        (Block-ContainerMetadataAccess -Provider Aws, azure).Subject | Select-Object -Unique | Should -Be @('aws', 'azure')
        (Block-ContainerMetadataAccess AWS, aws).Count | Should -Be (Block-ContainerMetadataAccess aws).Count
    }

    It 'blocks with a second half that Docker never touches' {
        $backstop = Block-ContainerMetadataAccess aws | Where-Object Chain -EQ POSTROUTING
        $backstop.Family | Should -Be @('IPv4', 'IPv6')
        $backstop.Table | Select-Object -Unique | Should -Be 'mangle'
        $backstop.SourceAddressType | Select-Object -Unique | Should -Be '!LOCAL'
    }

    It 'blocks only the ports of WireServer that serve metadata' {
        (Block-ContainerMetadataAccess azure | Where-Object { $_.Destination -like '168.*' -and $_.Action -ne 'Return' }).DestinationPort | Select-Object -Unique | Should -Be '80,443,32526'
    }

    It 'keeps the DNS that GCP serves at the same address' {
        $kept = Block-ContainerMetadataAccess gcp | Where-Object { $_.Action -eq 'Return' -and $_.Chain -eq 'DOCKER-USER' }
        $kept.Family | Select-Object -Unique | Should -Be @('IPv4', 'IPv6')
        ($kept | Where-Object Protocol -EQ udp).DestinationPort | Select-Object -Unique | Should -Be '53,123'
        ($kept | Where-Object Protocol -EQ tcp).DestinationPort | Select-Object -Unique | Should -Be '53'
    }

    It 'closes that DNS too if asked' {
        (Block-ContainerMetadataAccess gcp -BlockDns | Where-Object Action -EQ Return).DestinationPort | Should -Not -Match '53'
    }

    It 'keeps DNS even if the cloud serves none, and other ports, if asked' {
        (Block-ContainerMetadataAccess aws -AllowDns | Where-Object Action -EQ Return).DestinationPort | Should -Contain '53'
        (Block-ContainerMetadataAccess aws -AllowPort 123/udp, 8080 | Where-Object { $_.Action -eq 'Return' -and $_.Chain -eq 'DOCKER-USER' } | ForEach-Object { "$($_.DestinationPort)/$($_.Protocol)" } | Select-Object -Unique) |
            Should -Be @('8080/tcp', '123/udp')
    }

    It 'blocks what the host serves or redirects by what was asked for' {
        $task = Block-ContainerMetadataAccess aws | Where-Object OriginalDestination -EQ 169.254.170.2/32
        $task | ForEach-Object { "$($_.Table) $($_.Chain) $($_.InInterface) $($_.Action)" } | Should -Be @('filter INPUT !lo Reject', 'mangle FORWARD  Drop')
        Block-ContainerMetadataAccess aws -ExceptNetwork tasks | Where-Object { $_.OriginalDestination -eq '169.254.170.2/32' -and $_.InInterface -eq 'network:tasks' } |
            ForEach-Object { "$($_.Chain) $($_.Action)" } | Should -Be @('INPUT Return', 'FORWARD Return')
        (Block-ContainerMetadataAccess aws | Where-Object { $_.DestinationPort -eq 51678 -and $_.Family -eq 'IPv4' }).InInterface | Should -Be @('docker+', 'br-+')
    }

    It 'leaves out an address that is allowed' {
        (Block-ContainerMetadataAccess azure -AllowAddress 169.254.169.254).Destination | Where-Object { $_ } | Select-Object -Unique | Should -Be '168.63.129.16/32'
    }

    It 'ends with an error if nothing would be blocked' {
        { Block-ContainerMetadataAccess aws -AllowAddress 169.254.0.0/16, 'fd00:ec2::/32' } | Should -Throw -ErrorId 'NothingToBlock,*'
    }

    It 'refuses -AllowDns with -BlockDns' { { Block-ContainerMetadataAccess -AllowDns -BlockDns } | Should -Throw -ErrorId 'ConflictingParameters,*' }

    It 'refuses an unknown provider and names those that there are' {
        $failure = Get-TerminatingError { Block-ContainerMetadataAccess aws, Contoso }
        $failure.FullyQualifiedErrorId | Should -Be 'UnknownProvider,DockerNetHarden.Commands.BlockContainerMetadataAccessCommand'
        $failure.CategoryInfo.Category | Should -Be 'InvalidArgument'
        "$failure" | Should -Match "Contoso.*auto.*aws.*azure.*cloudstack.*equinix"
    }

    It 'says what to do about Equinix, which has no address to block' {
        $failure = Get-TerminatingError { Block-ContainerMetadataAccess Equinix }
        $failure.FullyQualifiedErrorId | Should -BeLike 'UnknownProvider,*'
        "$failure" | Should -Match 'metadata\.platformequinix\.com.*proxy'
    }

    It 'leaves it to each host which cloud it is in' {
        $rules = Block-ContainerMetadataAccess -Provider Auto
        $rules.Subject | Select-Object -Unique | Should -Be 'auto'
        ($rules | Where-Object Action -NE Return).Destination | Where-Object { $_ } | Select-Object -Unique | Should -Be 'cloud:metadata'
        ($rules | ForEach-Object { "$_" } | New-FirewallRule | Measure-Object).Count | Should -Be $rules.Count
        { Block-ContainerMetadataAccess Auto | Export-FirewallRule -As Shell } | Should -Not -Throw
    }

    It 'completes what it knows: <_>' -ForEach 'auto', 'aws', 'ibm', 'tencent', 'huawei', 'oracle-classic', 'cloudstack' {
        (TabExpansion2 "Block-ContainerMetadataAccess -Provider $($_.Substring(0, 2))").CompletionMatches.CompletionText | Should -Contain $_
    }

    It 'blocks the address of <Provider>' -ForEach @(
        @{ Provider = 'ibm'; Address = '169.254.169.254/32' }
        @{ Provider = 'tencent'; Address = '169.254.0.23/32' }
        @{ Provider = 'huawei'; Address = '169.254.169.254/32' }
        @{ Provider = 'oracle-classic'; Address = '192.0.0.192/32' }
        @{ Provider = 'cloudstack'; Address = 'cloud:dhcp-server' }
    ) {
        (Block-ContainerMetadataAccess $Provider | Where-Object { $_.Chain -eq 'DOCKER-USER' -and $_.Action -eq 'Reject' }).Destination | Select-Object -Unique | Should -Be $Address
    }

    It 'emits nothing at all if one value is bad' {
        $seen = [Collections.Generic.List[object]]::new()
        { Block-ContainerMetadataAccess aws, Contoso | ForEach-Object { $seen.Add($_) } } | Should -Throw
        $seen.Count | Should -Be 0
    }

    It 'refuses <Value> as -<Parameter>' -ForEach @(
        @{ Parameter = 'AllowAddress'; Value = '10.0.0.1/8'; Id = 'InvalidAddress' }
        @{ Parameter = 'AllowAddress'; Value = '010.0.0.1'; Id = 'InvalidAddress' }
        @{ Parameter = 'AllowAddress'; Value = '$(reboot)'; Id = 'InvalidAddress' }
        @{ Parameter = 'AllowPort'; Value = '0/udp'; Id = 'InvalidPort' }
        @{ Parameter = 'AllowPort'; Value = '65536'; Id = 'InvalidPort' }
        @{ Parameter = 'AllowPort'; Value = '20:10/tcp'; Id = 'InvalidPort' }
        @{ Parameter = 'AllowPort'; Value = '53/icmp'; Id = 'InvalidPort' }
        @{ Parameter = 'AllowPort'; Value = '-j ACCEPT'; Id = 'InvalidPort' }
    ) {
        $bad = @{ $Parameter = $Value }
        $failure = Get-TerminatingError { Block-ContainerMetadataAccess @bad }
        $failure.FullyQualifiedErrorId | Should -BeLike "$Id,*"
        "$failure" | Should -BeLike "*$([WildcardPattern]::Escape($Value -replace '/.*'))*"
    }
}
