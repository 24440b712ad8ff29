BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Invoke-FirewallRule and what is not a rule' {
    # Nothing is read until the input is complete, so these need no Docker host.
    It 'ends at <What>, wherever it is' -ForEach @(
        @{ What = 'a number'; Bad = 42 }
        @{ What = 'null'; Bad = $null }
        @{ What = 'a file'; Bad = (Get-Item $PSCommandPath) }
        @{ What = 'a text that is no rule'; Bad = '$(reboot)' }
        @{ What = 'a line with a placeholder'; Bad = 'iptables -I INPUT -d <host private ip> -j DROP' }
        @{ What = 'a line for a shell'; Bad = 'iptables -A DOCKER-USER -j DROP; reboot' }
        @{ What = 'a line that deletes'; Bad = 'iptables -D DOCKER-USER -j DROP' }
        @{ What = 'a place that there is not'; Bad = '-I DOCKER-USER 7 -d 10.0.0.5 -j DROP' }
        @{ What = 'an object without a rule''s properties'; Bad = [pscustomobject]@{ Name = 'x' } }
        @{ What = 'a table with an unknown key'; Bad = @{ Action = 'Drop'; Destinatoin = '10.0.0.5' } }
        @{ What = 'a table with a bad value'; Bad = @{ Action = 'Drop'; Destination = '10.0.0.1/8' } }
        @{ What = 'an error'; Bad = [Management.Automation.ErrorRecord]::new([Exception]::new('boo'), 'Boo', 'NotSpecified', $null) }
        @{ What = 'an object whose Rules are no list'; Bad = [pscustomobject]@{ Rules = 7 } }
        @{ What = 'an object whose Rules hold something else'; Bad = [pscustomobject]@{ Rules = @('-A DOCKER-USER -j DROP', 7) } }
    ) {
        $rule = New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5
        foreach ($list in @(, $Bad + $rule), @($rule, $Bad, $rule), @($rule, $Bad)) {
            $failure = Get-TerminatingError { $list | Invoke-FirewallRule -ErrorAction Stop }
            $failure.FullyQualifiedErrorId | Should -Be 'InvalidRule,DockerNetHarden.Commands.InvokeFirewallRuleCommand'
            $failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        }
        $failure = Get-TerminatingError { $rule, $Bad | Invoke-FirewallRule }
        "$failure" | Should -Match '^Element 2 of the input'
        { Invoke-FirewallRule -Rule $rule, $Bad } | Should -Throw -ErrorId 'InvalidRule,*'
    }

    It 'ends if no rule came: <What>' -ForEach @(@{ What = 'nothing in the pipeline'; None = @() }, @{ What = 'an empty list'; None = , @() }, @{ What = 'an object with no rules'; None = [pscustomobject]@{ Rules = @() } }) {
        { $None | Invoke-FirewallRule } | Should -Throw -ErrorId 'NoRule,*'
        { $None | Invoke-FirewallRule -Prune -Force } | Should -Throw -ErrorId 'NoRule,*'
    }

    It 'ends if an error occurred while the rules came in, non-terminating or terminating' {
        $first = Get-TerminatingError { & { Block-ContainerMetadataAccess; Write-Error 'boo' -ErrorAction Continue; Set-SmtpRateLimit } 2>$null | Invoke-FirewallRule }
        $first.FullyQualifiedErrorId | Should -BeLike 'UpstreamError,*'
        "$first" | Should -BeLike '*boo*'
        $second = Get-TerminatingError {
            $ErrorActionPreference = 'Continue'
            & { Block-ContainerMetadataAccess -Provider Contoso; Set-SmtpRateLimit } 2>$null | Invoke-FirewallRule
        }
        $second.FullyQualifiedErrorId | Should -Match '^(UpstreamError|UnknownProvider),'
    }

    It 'names the line of a text with several' {
        $failure = Get-TerminatingError { "# mine`niptables -A DOCKER-USER -d 10.0.0.5 -j DROP`niptables -A DOCKER-USER -d here -j DROP" | Invoke-FirewallRule }
        "$failure" | Should -Match 'Line 3 .*here'
    }

    It 'ends if the last line is not whole' {
        { 'iptables -A DOCKER-USER \' | Invoke-FirewallRule } | Should -Throw -ErrorId 'InvalidRule,*'
    }

    It 'is never reached if upstream throws' {
        { & { Block-ContainerMetadataAccess; throw 'boo' } | Invoke-FirewallRule } | Should -Throw 'boo'
    }
}

Describe "Invoke-FirewallRule on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    BeforeAll {
        Add-TestHost
        $before = Get-TableText
    }

    AfterEach { Remove-FirewallRule -All | Out-Null }

    # What a person pasted into a shell, or reads from a file, means the same in both.
    It 'gives pasted lines the order that iptables gives them, <As>' -ForEach @(
        @{ As = 'as lines'; Give = { param($lines) $lines } }
        @{ As = 'as one text'; Give = { param($lines) $lines -join "`r`n" } }
        @{ As = 'by New-FirewallRule'; Give = { param($lines) $lines | New-FirewallRule } }
    ) {
        $block, $exception = 'sudo iptables -I DOCKER-USER -i docker0 -d 203.0.113.0/255.255.255.0 -j DROP   # the block', 'iptables -I DOCKER-USER -i docker0 -d 203.0.113.25 -j ACCEPT'
        & $Give @('# a block, and its exception', '', $block, $exception) | Invoke-FirewallRule | ForEach-Object Verified | Should -BeTrue
        Get-Reach c0 203.0.113.25 80 | Should -Be 'Open'
        & $Give @($exception, $block) | Invoke-FirewallRule | ForEach-Object Verified | Should -BeTrue
        Get-Reach c0 203.0.113.25 80 | Should -Be 'TimedOut'
    }

    It 'puts an IPv6 rule into mangle where Docker has no DOCKER-USER, or makes the chain and the jump, and removes the jump with the last rule' {
        $rule = New-FirewallRule '-A DOCKER-USER -d fd00:10::5 -j DROP'
        $elsewhere = $rule | Invoke-FirewallRule
        $elsewhere.Verified | Should -BeTrue
        $elsewhere.Added | Should -Contain 'ip6tables -t mangle -I FORWARD -m comment --comment DockerNetHarden -j DNH-CUSTOM-FWD'
        $result = $rule | Invoke-FirewallRule -CreateChain
        $result.Verified | Should -BeTrue
        $result.Added | Should -Contain 'ip6tables -I FORWARD -m comment --comment DockerNetHarden -j DOCKER-USER'
        ($rule | Invoke-FirewallRule -CreateChain).Status | Should -Be 'Unchanged'
        (Remove-FirewallRule -All).Removed | Should -Contain 'ip6tables -I FORWARD -m comment --comment DockerNetHarden -j DOCKER-USER'
        ip6tables -w 10 -F DOCKER-USER
        ip6tables -w 10 -X DOCKER-USER
    }

    It 'applies rules, reads them back, and the packets tell' {
        Get-Reach c0 169.254.169.254 80 | Should -Be 'Open'
        Get-Reach c0 169.254.169.254 53 Dns | Should -Be 'Open'
        $result = Block-ContainerMetadataAccess | Invoke-FirewallRule
        $result.Status, $result.Verified, $result.HostName, $result.Unchanged | Should -Be @('Applied', $true, 'localhost', 0)
        $result.Removed | Should -BeNullOrEmpty
        $result.Added | Where-Object { $_ -like '*-j DNH-METADATA*' } | Should -HaveCount 8 # INPUT twice, FORWARD, POSTROUTING and DOCKER-USER; in IPv6, INPUT twice and FORWARD
        Get-Reach c0 169.254.169.254 80 | Should -Be 'Refused'
        Get-Reach a1 169.254.169.254 80 | Should -Be 'Refused'
        Get-Reach c0 169.254.169.254 53 Dns | Should -Be 'Open'
        Get-Reach c0 203.0.113.25 80 | Should -Be 'Open'
    }

    It 'writes nothing the second time' {
        Block-ContainerMetadataAccess aws | Invoke-FirewallRule | Out-Null
        Get-Reach c0 169.254.169.254 80 | Should -Be 'Refused'
        $counted = (Get-FirewallRule | Measure-Object Packets -Sum).Sum
        $counted | Should -BeGreaterThan 0
        $again = Block-ContainerMetadataAccess aws | Invoke-FirewallRule
        $again.Status, $again.Added.Count, $again.Removed.Count, $again.Unchanged | Should -Be @('Unchanged', 0, 0, 13)
        (Get-FirewallRule | Measure-Object Packets -Sum).Sum | Should -Be $counted
    }

    It 'adds a second provider and replaces a second limit' {
        Block-ContainerMetadataAccess aws | Invoke-FirewallRule | Out-Null
        Block-ContainerMetadataAccess azure | Invoke-FirewallRule | Out-Null
        (Get-FirewallRule).Subject | Sort-Object -Unique | Should -Be @('aws', 'azure')
        Set-SmtpRateLimit 5 | Invoke-FirewallRule | Out-Null
        Set-SmtpRateLimit 10 | Invoke-FirewallRule | Out-Null
        (Get-FirewallRule -Control SmtpRate).Rule.Limit | Where-Object { $_ } | Select-Object -Unique | Should -Be '10/min'
    }

    It 'takes the same rules from <_>' -ForEach 'JSON', 'CLIXML', 'text', 'tables', 'an object with Rules', 'an argument', 'what is on a host' {
        $rules = & { Block-ContainerMetadataAccess gcp -Log; Set-SmtpRateLimit -PerContainer -Network apps; New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -Comment "it's `"mine`" `$(reboot)" -Name mine }
        $first = $rules | Invoke-FirewallRule
        $first.Status | Should -Be 'Applied'
        $again = switch ($_) {
            'JSON' { $rules | ConvertTo-Json | ConvertFrom-Json | Invoke-FirewallRule }
            'CLIXML' {
                $rules | Export-Clixml TestDrive:/rules.xml
                Import-Clixml TestDrive:/rules.xml | Invoke-FirewallRule
            }
            'text' { $rules | ForEach-Object { "$_" } | Invoke-FirewallRule }
            'tables' { $rules | ConvertTo-Json | ConvertFrom-Json -AsHashtable | Invoke-FirewallRule }
            'an object with Rules' { [pscustomobject]@{ Name = 'x'; Rules = $rules } | ConvertTo-Json | ConvertFrom-Json | Invoke-FirewallRule }
            'an argument' { Invoke-FirewallRule -Rule $rules }
            'what is on a host' { Get-FirewallRule | Invoke-FirewallRule }
        }
        $again.Status | Should -Be 'Unchanged'
        $again.Unchanged | Should -Be (Get-FirewallRule).Count
    }

    It 'changes nothing if one element in the middle is not a rule' {
        { & { Block-ContainerMetadataAccess; 'nonsense'; Set-SmtpRateLimit } | Invoke-FirewallRule } | Should -Throw -ErrorId 'InvalidRule,*'
        Get-TableText | Should -BeExactly $before
    }

    It 'changes nothing after an error upstream' {
        { & { Block-ContainerMetadataAccess; Write-Error boo -ErrorAction Continue } 2>$null | Invoke-FirewallRule } | Should -Throw -ErrorId 'UpstreamError,*'
        { & { Block-ContainerMetadataAccess; throw 'boo' } | Invoke-FirewallRule } | Should -Throw 'boo'
        Get-TableText | Should -BeExactly $before
    }

    It 'takes what Select-Object lets through, and ends cleanly if its own result is cut off' {
        $one = Block-ContainerMetadataAccess | Select-Object -First 1 | Invoke-FirewallRule
        $one.Status, $one.Verified | Should -Be @('Applied', $true)
        $cut = Set-SmtpRateLimit | Invoke-FirewallRule | Select-Object -First 1
        $cut.Status | Should -Be 'Applied'
        Set-SmtpRateLimit | Test-FirewallRule | Should -BeTrue
    }

    It 'prints the exact lines under -WhatIf, changes nothing, and still says what it would do' {
        $rules = Block-ContainerMetadataAccess aws
        $planned = $rules | Invoke-FirewallRule -WhatIf
        $planned.Status, $planned.Verified | Should -Be @('Planned', $false)
        Get-TableText | Should -BeExactly $before
        $printed = Invoke-Pwsh "Import-Module '$(Get-StagedModule)'; Block-ContainerMetadataAccess aws | Invoke-FirewallRule -WhatIf | Out-Null"
        $printed -join "`n" | Should -Match '^What if: '
        foreach ($line in $planned.Added) { $printed | Should -Contain "+ $line" }
        ($rules | Invoke-FirewallRule).Added | Should -Be $planned.Added
    }

    It 'asks with the lines under -Confirm: <Status> if the answer is <Word>' -ForEach @(@{ Word = 'yes'; Answer = 0; Status = 'Applied' }, @{ Word = 'no'; Answer = 2; Status = 'Planned' }) {
        $answering = [DockerNetHardenTest.AnsweringHost]::new()
        $answering.Answers.Answer = $Answer
        $shell = New-TestShell $answering
        $result = $shell.AddScript('Set-SmtpRateLimit | Invoke-FirewallRule -Confirm').Invoke()
        $shell.Dispose()
        $answering.Answers.Questions | Should -HaveCount 1
        $answering.Answers.Questions[0] | Should -BeLike '*+ iptables -I DOCKER-USER*DNH-SMTP*'
        $result.Status | Should -Be $Status
        if ($Status -eq 'Planned') { Get-TableText | Should -BeExactly $before }
    }

    It 'does not hang if nobody can be asked' {
        $output = Invoke-Pwsh "Import-Module '$(Get-StagedModule)'; Set-SmtpRateLimit | Invoke-FirewallRule -Confirm -ErrorVariable e 2>`$null; `$e.FullyQualifiedErrorId"
        $output | Should -Contain 'CannotAsk,DockerNetHarden.Commands.InvokeFirewallRuleCommand'
        Get-TableText | Should -BeExactly $before
    }

    It 'makes the input all that is ours with -Prune, asks if a control vanishes, and asks nothing with -Force' {
        & { Block-ContainerMetadataAccess aws; Set-SmtpRateLimit; Set-SmtpRateLimit -Port 2525 } | Invoke-FirewallRule | Out-Null
        $kept = & { Block-ContainerMetadataAccess aws; Set-SmtpRateLimit } | Invoke-FirewallRule -Prune
        $kept.Status | Should -Be 'Applied'
        (Get-FirewallRule -Control SmtpRate).Subject | Select-Object -Unique | Should -Be '25,465,587'

        $answering = [DockerNetHardenTest.AnsweringHost]::new()
        $answering.Answers.Answer = 1
        $shell = New-TestShell $answering
        $refused = $shell.AddScript('Set-SmtpRateLimit | Invoke-FirewallRule -Prune').Invoke()
        $shell.Dispose()
        $answering.Answers.Questions[0] | Should -BeLike '*MetadataAccess*would be open*'
        $refused.Status | Should -Be 'Planned'
        Get-Reach c0 169.254.169.254 80 | Should -Be 'Refused'

        (Set-SmtpRateLimit | Invoke-FirewallRule -Prune -Force).Status | Should -Be 'Applied'
        (Get-FirewallRule).Control | Select-Object -Unique | Should -Be 'SmtpRate'
    }

    It 'refuses what would affect the host''s own clients without -Force' {
        $rule = New-FirewallRule -Action Drop -Chain INPUT -Protocol tcp -DPort 9999
        { $rule | Invoke-FirewallRule -ErrorAction Stop } | Should -Throw -ErrorId 'NeedsForce,*'
        Get-TableText | Should -BeExactly $before
        ($rule | Invoke-FirewallRule -Force).Status | Should -Be 'Applied'
    }

    It 'refuses an unknown network by name: <What>' -ForEach @(@{ What = 'goes on'; Action = 'SilentlyContinue' }, @{ What = 'stops'; Action = 'Stop' }) {
        $rules = Block-ContainerHostAccess -Network nowhere
        if ($Action -eq 'Stop') { $failure = Get-TerminatingError { $rules | Invoke-FirewallRule -ErrorAction Stop } }
        else {
            $rules | Invoke-FirewallRule -ErrorAction SilentlyContinue -ErrorVariable failures | Should -BeNullOrEmpty
            $failure = $failures[0]
        }
        $failure.FullyQualifiedErrorId | Should -Be 'UnresolvedOperand,DockerNetHarden.Commands.InvokeFirewallRuleCommand'
        "$failure" | Should -BeLike '*nowhere*apps*'
        Get-TableText | Should -BeExactly $before
    }

    It 'carries shell words in a comment to the kernel and back' {
        $rule = New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 -Comment "'; touch $TestDrive/pwned; `$(touch $TestDrive/pwned) `"-j ACCEPT`""
        ($rule | Invoke-FirewallRule).Verified | Should -BeTrue
        (Get-FirewallRule).Rule | Should -Be $rule
        "$TestDrive/pwned" | Should -Not -Exist
        $rule | Test-FirewallRule | Should -BeTrue
    }

    It 'leaves everybody else''s rules as they are' {
        iptables -I DOCKER-USER -s 203.0.113.99 -m comment --comment 'the "admin''s" own' -j DROP
        iptables -A DOCKER-USER -s 203.0.113.98 -j ACCEPT
        try {
            $own = Get-TableText
            & { Block-ContainerMetadataAccess; Block-ContainerHostAccess; Block-ContainerInternalAccess; Set-SmtpRateLimit } | Invoke-FirewallRule | Out-Null
            Get-TableText | Should -Not -BeExactly $own
            Remove-FirewallRule -All | Out-Null
            Get-TableText | Should -BeExactly $own
        }
        finally {
            iptables -D DOCKER-USER -s 203.0.113.99 -m comment --comment 'the "admin''s" own' -j DROP
            iptables -D DOCKER-USER -s 203.0.113.98 -j ACCEPT
        }
    }

    It 'says that DOCKER-USER is missing, and makes it and the jump to it if told to' {
        # A separate namespace: a host on which Docker has never been started.
        ip netns add "$env:DNH_LAB-bare"
        try {
            $script = "Import-Module '$(Get-StagedModule)'; `$r = New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5; `$r | Invoke-FirewallRule -ErrorVariable e 2>`$null; `$e.FullyQualifiedErrorId; (`$r | Invoke-FirewallRule -CreateChain 3>`$null) | ForEach-Object { `$_.Status; `$_.Verified }"
            $output = nsenter "--net=/run/netns/$env:DNH_LAB-bare" @(Get-PwshCommand) -NoProfile -NonInteractive -Command $script
            $output | Should -Be @('ChainMissing,DockerNetHarden.Commands.InvokeFirewallRuleCommand', 'Applied', 'True')
        }
        finally { ip netns delete "$env:DNH_LAB-bare" }
    }

    It 'stops at once while a question is open, and writes nothing' {
        $answering = [DockerNetHardenTest.AnsweringHost]::new()
        $answering.Answers.Hold = $true
        $shell = New-TestShell $answering
        $running = $shell.AddScript('Set-SmtpRateLimit | Invoke-FirewallRule -Confirm').BeginInvoke()
        $answering.Answers.Asked.Wait(20000) | Should -BeTrue
        $clock = [Diagnostics.Stopwatch]::StartNew()
        $stopping = $shell.BeginStop($null, $null)
        # As a console does at Ctrl-C: the prompt ends.
        $answering.Answers.Released.Set()
        $shell.EndStop($stopping)
        $clock.ElapsedMilliseconds | Should -BeLessThan 15000
        "$($shell.InvocationStateInfo.State)" | Should -Be 'Stopped'
        $running.IsCompleted | Should -BeTrue
        $shell.Dispose()
        Get-TableText | Should -BeExactly $before
    }
}
