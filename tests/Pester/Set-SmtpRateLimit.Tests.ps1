BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Set-SmtpRateLimit' {
    It 'lets five new connections a minute pass and drops the others' {
        foreach ($family in 'IPv4', 'IPv6') {
            $pass, $drop = Set-SmtpRateLimit | Where-Object { $_.Protocol -eq 'tcp' -and $_.Family -eq $family }
            $pass.Limit, $pass.LimitBurst, $pass.Action | Should -Be @('5/min', 5, 'Return')
            $drop.Action | Should -Be 'Drop'
            $pass.TcpFlags | Should -Be 'FIN,SYN,RST,ACK SYN'
            $pass.DestinationPort | Should -Be '25,465,587'
        }
    }

    It 'takes rate, burst and ports' {
        foreach ($pass in Set-SmtpRateLimit 30 -Burst 7 -Port 25, 2525 | Where-Object Limit) {
            $pass.Limit, $pass.LimitBurst, $pass.DestinationPort | Should -Be @('30/min', 7, '25,2525')
        }
    }

    It 'gives each container a rate of its own, under a name that changes with it' {
        $five = Set-SmtpRateLimit -PerContainer | Where-Object HashLimit
        $five.HashLimit | Select-Object -Unique | Should -Be 'upto 5/min'
        $five.HashLimitMode | Select-Object -Unique | Should -Be 'srcip'
        # Two rules can cover a network made later; they share a name, so that a container has only one rate in each family.
        ($five | Group-Object Family | ForEach-Object { @($_.Group.HashLimitName | Select-Object -Unique).Count }) | Should -Be @(1, 1)
        (Set-SmtpRateLimit 6 -PerContainer | Where-Object HashLimit)[0].HashLimitName | Should -Not -Be $five[0].HashLimitName
    }

    It 'does not count mail to a published mail server' {
        (Set-SmtpRateLimit | Where-Object Protocol -EQ tcp).ConnectionState | Select-Object -Unique | Should -Be '!DNAT'
    }

    It 'is replaced by a second call with the same ports' {
        (Set-SmtpRateLimit 5)[0].Subject | Should -Be (Set-SmtpRateLimit 10)[0].Subject
        (Set-SmtpRateLimit -Port 25)[0].Subject | Should -Not -Be (Set-SmtpRateLimit)[0].Subject
    }

    It 'refuses -<Parameter> <Value>' -ForEach @(
        @{ Parameter = 'PerMinute'; Value = 0; Id = 'InvalidRate' }
        @{ Parameter = 'PerMinute'; Value = -1; Id = 'InvalidRate' }
        @{ Parameter = 'Burst'; Value = 0; Id = 'InvalidRate' }
        @{ Parameter = 'Burst'; Value = 100000; Id = 'InvalidRate' }
        @{ Parameter = 'Port'; Value = 0; Id = 'InvalidPort' }
        @{ Parameter = 'Port'; Value = 65536; Id = 'InvalidPort' }
        @{ Parameter = 'Port'; Value = '-j ACCEPT'; Id = 'InvalidPort' }
    ) {
        $bad = @{ $Parameter = $Value }
        $failure = Get-TerminatingError { Set-SmtpRateLimit @bad }
        $failure.FullyQualifiedErrorId | Should -BeLike "$Id,*"
        "$failure" | Should -BeLike "*$Value*"
    }
}
