BeforeDiscovery {
    . $PSScriptRoot/Common.ps1
    $script:forms = @(
        @{ Form = 'CLIXML'; Keep = { $input | Export-Clixml $file }; Read = { Import-Clixml $file } }
        @{ Form = 'JSON'; Keep = { $input | ConvertTo-Json | Set-Content $file }; Read = { Get-Content $file -Raw | ConvertFrom-Json } }
        @{ Form = 'JSON, compressed and shallow'; Keep = { $input | ConvertTo-Json -Compress -Depth 1 -WarningAction Ignore | Set-Content $file }; Read = { Get-Content $file | ConvertFrom-Json } }
        @{ Form = 'CSV'; Keep = { $input | Export-Csv $file }; Read = { Import-Csv $file } }
        @{ Form = 'CSV of chosen columns'; Keep = { $input | Select-Object HostName, Text, Packets | Export-Csv $file }; Read = { Import-Csv $file } }
        @{ Form = 'the property Text'; Keep = { $input | ForEach-Object Text | Set-Content $file }; Read = { Get-Content $file } }
        @{ Form = 'ToString()'; Keep = { $input | ForEach-Object { "$_" } | Set-Content $file }; Read = { Get-Content $file } }
        @{ Form = 'Out-File of the texts in one string'; Keep = { ($input.Text -join "`n") | Set-Content $file }; Read = { Get-Content $file -Raw } }
    )
}

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe "A backup of rules on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll {
        $file = "$TestDrive/backup"
        $rules = & {
            Block-ContainerMetadataAccess
            Block-ContainerMetadataAccess aws -Network apps -AllowPort 80
            Block-ContainerHostAccess -AllowPort 8443/tcp
            Block-ContainerInternalAccess -Network apps
            Set-SmtpRateLimit -Network apps -PerContainer
            Set-SmtpRateLimit -PerMinute 60
            New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -Name mine -Comment 'it''s 5 $ "or" so\ `n; #1'
            New-FirewallRule -Action Log -Protocol tcp -RemotePort 80, 443, 1000:2000 -LogPrefix 'seen: ' -Name log
            '-I DOCKER-USER -i docker0 -d 10.9.0.5 -j ACCEPT', '-I DOCKER-USER -i docker0 -d 10.9.0.0/16 -j DROP'
            '-t mangle -A FORWARD -p tcp --tcp-flags SYN,ACK SYN -m conntrack ! --ctstate ESTABLISHED --ctorigdst 192.0.2.1 -j DROP', '-A DOCKER-USER -p 89 -j DROP'
            '-6 -t mangle -A POSTROUTING -d 2001:db8::/32 -p icmpv6 --icmpv6-type 128 -j DROP', '-A INPUT -i br-x ! -s 10.0.0.0/8 -m addrtype --src-type LOCAL -j REJECT'
        }
        $rules | Invoke-FirewallRule -Force -WarningAction Ignore -ErrorAction Stop | Out-Null
        $before = Get-TableText
    }

    AfterAll { Remove-FirewallRule -All | Out-Null }

    It 'comes back from <Form> to exactly the same rules' -ForEach $forms {
        Get-FirewallRule | & $Keep
        Remove-FirewallRule -All | Out-Null
        Get-FirewallRule | Should -BeNullOrEmpty
        $result = & $Read | Invoke-FirewallRule -Force
        $result.Status, $result.Verified | Should -Be @('Applied', $true)
        Get-TableText | Should -BeExactly $before
        (& $Read | Invoke-FirewallRule -Force).Status | Should -Be 'Unchanged'
    }

    It 'is what Test-FirewallRule and Remove-FirewallRule take, too' {
        Get-FirewallRule -Control SmtpRate | Export-Csv $file
        Import-Csv $file | Remove-FirewallRule | Out-Null
        Get-FirewallRule -Control SmtpRate | Should -BeNullOrEmpty
        Import-Csv $file | Invoke-FirewallRule | Out-Null
        Import-Csv $file | Test-FirewallRule | Should -BeTrue
    }

    It 'refuses the lines of others' {
        Get-FirewallRule -All | Export-Csv $file
        (Get-TerminatingError { Import-Csv $file | Invoke-FirewallRule }).FullyQualifiedErrorId | Should -BeLike 'NotOurs,*'
        Import-Csv $file | Where-Object IsOurs -EQ True | Invoke-FirewallRule -Force | ForEach-Object Status | Should -Be 'Unchanged'
    }
}
