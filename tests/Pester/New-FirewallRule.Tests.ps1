BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'New-FirewallRule' {
    It 'makes a rule of the words of NetSecurity or of iptables' {
        $one = New-FirewallRule -Action Drop -InterfaceAlias docker0 -LocalAddress 172.17.0.0/16 -RemoteAddress 10.0.0.5 -Protocol tcp -LocalPort 1024:65535 -RemotePort 80, 443 -Name web
        $two = New-FirewallRule -Target Drop -InInterface docker0 -Source 172.17.0.0/16 -Destination 10.0.0.5/32 -Protocol TCP -SPort 1024:65535 -DPort '80,443' -Name web
        $one | Should -Be $two
        "$one" | Should -BeExactly '-A DOCKER-USER -s 172.17.0.0/16 -d 10.0.0.5/32 -i docker0 -p tcp -m tcp --sport 1024:65535 -m multiport --dports 80,443 -m comment --comment "DockerNetHarden:Custom/web" -j DROP'
    }

    It 'has every part of the vocabulary' {
        $rule = New-FirewallRule -Action Log -Family IPv4 -Table mangle -Chain FORWARD -OutInterfaceAlias '!docker0' -Protocol tcp -TcpFlags SYN -CtState NEW, RELATED -CtDir ORIGINAL `
            -CtOrigDst 169.254.170.2 -CtOrigDstPort 80 -SrcType '!LOCAL' -DstType UNICAST -MatchSet 'blocked dst' -Limit 5/minute -LimitBurst 7 `
            -HashLimit 'above 10/min' -HashLimitBurst 3 -HashLimitMode srcip, dstip -HashLimitName mine -Comment 'why' -LogPrefix 'seen '
        $text = "$rule"
        foreach ($part in '-t mangle -A FORWARD', '! -o docker0', '--tcp-flags FIN,SYN,RST,ACK SYN', '--ctstate NEW,RELATED', '--ctorigdst 169.254.170.2/32', '--ctorigdstport 80', '--ctdir ORIGINAL',
            '! --src-type LOCAL', '--dst-type UNICAST', '--match-set blocked dst', '--limit 5/min', '--limit-burst 7', '--hashlimit-above 10/min', '--hashlimit-burst 3', '--hashlimit-mode srcip,dstip',
            '--hashlimit-name mine', '-j LOG', 'seen ') {
            $text | Should -BeLike "*$part*"
        }
        "$(New-FirewallRule -Action Reject -Protocol tcp -RejectWith tcp-reset)" | Should -BeLike '*-j REJECT --reject-with tcp-reset'
        "$(New-FirewallRule -Action Jump -JumpTarget MY-CHAIN)" | Should -BeLike '*-j MY-CHAIN'
        "$(New-FirewallRule -Action Drop -Family IPv6 -Table mangle -Chain POSTROUTING -Protocol icmpv6 -IcmpType echo-request)" | Should -BeLike '-6 *--icmpv6-type 128*'
    }

    It 'makes a rule for each source and destination' {
        (New-FirewallRule -Action Drop -LocalAddress 10.1.0.0/16, 10.2.0.0/16 -RemoteAddress 10.0.0.5, 10.0.0.6 | ForEach-Object { "$($_.Source) $($_.Destination)" }) |
            Should -Be @('10.1.0.0/16 10.0.0.5/32', '10.1.0.0/16 10.0.0.6/32', '10.2.0.0/16 10.0.0.5/32', '10.2.0.0/16 10.0.0.6/32')
    }

    It 'refuses a list with a negated address: as two rules it would mean every packet' {
        { New-FirewallRule -Action Drop -RemoteAddress '!10.0.0.5', '!10.0.0.6' } | Should -Throw '*must be the only one*'
    }

    It 'means a network''s bridge if the in-interface is known, otherwise its subnets' {
        (New-FirewallRule -Action Drop -Network web).InInterface | Should -Be 'network:web'
        (New-FirewallRule -Action Drop -Network web -Table mangle -Chain POSTROUTING).Source | Should -Be 'network:web'
    }

    It 'reads rules as text, by position or from the pipeline, under a name if one is given' {
        New-FirewallRule '-A DOCKER-USER -d 10.0.0.5 -j DROP' | Should -Be (New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5)
        $rules = 'iptables -I DOCKER-USER -d 10.0.0.5 -j DROP', '-A DOCKER-USER -p udp --dport 53 -j RETURN' | New-FirewallRule -Name dns
        $rules.Subject | Should -Be @('dns', 'dns')
    }

    It 'emits no rule of a text if a later one is bad' {
        $seen = [Collections.Generic.List[object]]::new()
        { '-A DOCKER-USER -j DROP', 'nonsense' | New-FirewallRule | ForEach-Object { $seen.Add($_) } } | Should -Throw -ErrorId 'InvalidRule,*'
        $seen.Count | Should -Be 0
    }

    It 'refuses what stands twice or without its option, with the way out: <_>' -ForEach '-m conntrack -j DROP', '-m conntrack --ctdir REPLY -m conntrack --ctstate NEW -j DROP', '-j DROP -j ACCEPT' {
        { New-FirewallRule "-A DOCKER-USER $_" } | Should -Throw -ErrorId 'InvalidRule,*'
    }

    It 'does not rename another control''s rule' {
        { (Set-SmtpRateLimit)[0].ToString() | New-FirewallRule -Name mine } | Should -Throw '*only a rule of the control Custom*'
    }

    It 'carries a comment as the data that it is: <_>' -ForEach '$(reboot)', "'; rm -rf /", '-j ACCEPT', '`id`', '%s \n "quoted"' {
        $rule = New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -Comment $_
        $rule.Comment | Should -BeExactly $_
        $rule.Action | Should -Be 'Drop'
        [DockerNetHarden.Rules.FirewallRule]::Parse("$rule").Comment | Should -BeExactly $_
    }

    It 'refuses -<Parameter> <Value>' -ForEach @(
        @{ Parameter = 'RemoteAddress'; Value = '10.0.0.1/8'; Id = 'InvalidAddress' }
        @{ Parameter = 'RemoteAddress'; Value = '010.0.0.1'; Id = 'InvalidAddress' }
        @{ Parameter = 'RemoteAddress'; Value = '10.0.0.256'; Id = 'InvalidAddress' }
        @{ Parameter = 'LocalAddress'; Value = '$(reboot)'; Id = 'InvalidAddress' }
        @{ Parameter = 'LocalAddress'; Value = 'network:a b'; Id = 'InvalidAddress' }
        @{ Parameter = 'InterfaceAlias'; Value = 'sixteen-chars-xx'; Id = 'InvalidInterface' }
        @{ Parameter = 'InterfaceAlias'; Value = 'a/b'; Id = 'InvalidInterface' }
        @{ Parameter = 'InterfaceAlias'; Value = '-j ACCEPT'; Id = 'InvalidInterface' }
        @{ Parameter = 'InterfaceAlias'; Value = 'docker:nothing'; Id = 'InvalidInterface' }
        @{ Parameter = 'RemotePort'; Value = '0'; Id = 'InvalidPort' }
        @{ Parameter = 'RemotePort'; Value = '65536'; Id = 'InvalidPort' }
        @{ Parameter = 'RemotePort'; Value = '20:10'; Id = 'InvalidPort' }
        @{ Parameter = 'Limit'; Value = '0/min'; Id = 'InvalidRate' }
        @{ Parameter = 'Limit'; Value = 'often'; Id = 'InvalidRate' }
        @{ Parameter = 'Comment'; Value = "two`nlines"; Id = 'InvalidRule' }
        @{ Parameter = 'Chain'; Value = 'FORWARD'; Id = 'InvalidRule' }
        @{ Parameter = 'Table'; Value = 'nat'; Id = 'InvalidRule' }
        @{ Parameter = 'Name'; Value = 'a b'; Id = 'InvalidName' }
        @{ Parameter = 'Network'; Value = "'; rm -rf /"; Id = 'InvalidName' }
    ) {
        $bad = @{ Action = 'Drop'; Protocol = 'tcp'; $Parameter = $Value }
        $failure = Get-TerminatingError { New-FirewallRule @bad }
        $failure.FullyQualifiedErrorId | Should -Be "$Id,DockerNetHarden.Commands.NewFirewallRuleCommand"
        $failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
    }

    It 'refuses the text <_>' -ForEach '-j DROP', '-A DOCKER-USER', '-A DOCKER-USER -j DROP; reboot', '-A DOCKER-USER 1 -j DROP', '-A DOCKER-USER --nope -j DROP', "-A DOCKER-USER -j DROP`n-A INPUT --nope -j ACCEPT", '$(reboot)' {
        { New-FirewallRule $_ } | Should -Throw -ErrorId 'InvalidRule,*'
    }
}
