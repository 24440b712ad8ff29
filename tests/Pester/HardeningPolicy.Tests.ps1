BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Import-HardeningPolicy' {
    BeforeAll {
        $file = Join-Path $TestDrive 'policy.json'
        Set-Content $file @'
{ "version": 1,
  "networks": [ { "name": "external", "profile": "ExternalOnly", "subnets": ["10.77.0.0/24"], "labels": { "team": "soc" } } ],
  "controls": [ { "control": "MetadataAccess", "provider": "aws" }, { "control": "SmtpRate", "perMinute": 9 } ],
  "rules": [ "iptables -A DOCKER-USER -d 198.51.100.7/32 -m comment --comment \"DockerNetHarden:Custom/c2\" -j DROP" ] }
'@
    }

    It 'emits the rules that the cmdlets emit' {
        $rules = Import-HardeningPolicy $file
        $rules | Should -BeOfType ([DockerNetHarden.Rules.FirewallRule])
        $own = @(Block-ContainerMetadataAccess -Provider Aws) + @(Set-SmtpRateLimit -PerMinute 9)
        foreach ($rule in $own) { "$rule" | Should -BeIn @($rules | ForEach-Object ToString) }
        @($rules | Where-Object Network -EQ external | ForEach-Object Control | Sort-Object -Unique) | Should -Be @('HostAccess', 'InternalAccess', 'MetadataAccess')
        @($rules | Where-Object Control -EQ Custom).Subject | Should -Be 'c2'
    }

    It 'reads a file by its byte order mark, and names UTF-16 without one' {
        foreach ($encoding in 'unicode', 'bigendianunicode', 'utf8BOM') {
            Get-Content $file | Set-Content "$TestDrive/$encoding.json" -Encoding $encoding
            Import-HardeningPolicy "$TestDrive/$encoding.json" | ForEach-Object { "$_" } | Should -Be (Import-HardeningPolicy $file | ForEach-Object { "$_" })
        }
        [IO.File]::WriteAllBytes("$TestDrive/bare.json", [Text.Encoding]::Unicode.GetBytes((Get-Content $file -Raw)))
        "$(Get-TerminatingError { Import-HardeningPolicy "$TestDrive/bare.json" })" | Should -BeLike '*UTF-16*UTF-8*'
    }

    It 'takes files from the pipeline' {
        @(Get-ChildItem $file | Import-HardeningPolicy).Count | Should -Be @(Import-HardeningPolicy $file).Count
    }

    It 'emits networks that New-HardenedDockerNetwork takes' {
        $network = Import-HardeningPolicy $file -Network
        $network.Name, "$($network.Profile)", $network.Label['team'] | Should -Be @('external', 'ExternalOnly', 'soc')
        $network.Subnet | Should -Be @('10.77.0.0/24')
    }

    It 'refuses a wrong file with its line and emits nothing: <Reason>' -ForEach @(
        @{ Text = "{ `"version`": 1,`n `"contols`": [] }"; Id = 'InvalidPolicy'; Reason = 'line 2, contols' }
        @{ Text = "{ `"version`": 1, `"controls`": [ { `"control`": `"SmtpRate`", `"perMinute`": -1 } ] }"; Id = 'InvalidPolicy'; Reason = 'controls[0].perMinute' }
    ) {
        $wrong = Join-Path $TestDrive 'wrong.json'
        Set-Content $wrong $Text
        $failure = Get-TerminatingError { Import-HardeningPolicy $wrong }
        $failure.FullyQualifiedErrorId | Should -Be "$Id,DockerNetHarden.Commands.ImportHardeningPolicyCommand"
        $failure.Exception.Message | Should -BeLike "*$([WildcardPattern]::Escape($Reason))*"
        # One wrong file among good ones: nothing at all is emitted.
        $come = [Collections.Generic.List[object]]::new()
        try { $file, $wrong | Import-HardeningPolicy | ForEach-Object { $come.Add($_) } } catch { $null = $_ }
        $come.Count | Should -Be 0
    }

    It 'says that a file is missing' {
        { Import-HardeningPolicy (Join-Path $TestDrive 'none.json') } | Should -Throw -ErrorId 'UnreadableFile,*'
    }
}

Describe "A policy on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    AfterEach {
        Remove-FirewallRule -All -Confirm:$false -ErrorAction Ignore | Out-Null
        docker network rm policy-net 2>$null | Out-Null
    }

    It 'comes back from the host as it was applied' {
        $file = Join-Path $TestDrive 'applied.json'
        Set-Content $file '{ "version": 1, "networks": [ { "name": "policy-net", "profile": "Default" } ], "controls": [ { "control": "MetadataAccess", "action": "Drop" }, { "control": "HostAccess", "allowPorts": ["8080/tcp"] } ] }'
        Import-HardeningPolicy $file -Network | New-HardenedDockerNetwork | ForEach-Object Status | Should -Be 'Created'
        $result = Import-HardeningPolicy $file | Invoke-FirewallRule
        $result.Status, $result.Verified | Should -Be @('Applied', $true)
        (Import-HardeningPolicy $file | Invoke-FirewallRule).Status | Should -Be 'Unchanged'

        $captured = Join-Path $TestDrive 'captured.json'
        $written = Export-HardeningPolicy $captured
        $written | Should -BeOfType ([IO.FileInfo])
        $policy = Get-Content $captured -Raw | ConvertFrom-Json
        $policy.networks.name, $policy.networks.profile | Should -Be @('policy-net', 'Default')
        @($policy.controls.control | Sort-Object) | Should -Be @('HostAccess', 'MetadataAccess')
        $policy.PSObject.Properties.Name | Should -Not -Contain 'rules'
        (Import-HardeningPolicy $captured | Invoke-FirewallRule -Prune -Force -Confirm:$false).Status | Should -Be 'Unchanged'
        { Export-HardeningPolicy $captured -ErrorAction Stop } | Should -Throw -ErrorId 'AlreadyExists,*'
    }

    It 'writes the file before it warns of what the policy lacks' {
        '-A DOCKER-USER -d 10.0.0.5 -j DROP' | Invoke-FirewallRule | Out-Null
        iptables -I DNH-CUSTOM -p tcp -m length --length 1:9 -m comment --comment DockerNetHarden:Custom -j DROP
        foreach ($number in 1..5) {
            $file = Join-Path $TestDrive "lacks$number.json"
            try { Export-HardeningPolicy $file -WarningAction Stop | Out-Null } catch { "$_" | Should -BeLike '*The policy does not have*' }
            $file | Should -Exist
        }
    }

    It 'writes nothing under -WhatIf' {
        $file = Join-Path $TestDrive 'never.json'
        Export-HardeningPolicy $file -WhatIf
        Test-Path $file | Should -BeFalse
    }
}
