#requires -Version 7.4
# The help of the staged module: what Get-Help shows, and whether every example is what it claims to be. Examples that only emit rules are run; for the others
# each command is parsed and its parameters are bound, without running it.

BeforeDiscovery {
    $root = (Resolve-Path "$PSScriptRoot/../..").Path
    $names = (Import-PowerShellDataFile "$root/DockerNetHarden.psd1").CmdletsToExport | Sort-Object
    $cmdlets = foreach ($name in $names) { @{ Name = $name } }
    # Commands without an effect on the machine; an example that uses others too is not run.
    $harmless = 'Block-ContainerMetadataAccess', 'Block-ContainerHostAccess', 'Block-ContainerInternalAccess', 'Set-SmtpRateLimit', 'New-FirewallRule',
        'Format-Table', 'Format-List', 'ForEach-Object', 'Where-Object', 'Select-Object', 'Sort-Object', 'Group-Object', 'Measure-Object', 'ConvertTo-Json', 'ConvertFrom-Json'
    $examples = foreach ($name in $names) {
        $page = [IO.File]::ReadAllText("$root/docs/cmdlets/$name.md")
        $section = ($page -split '(?m)^## EXAMPLES\s*$')[1] -split '(?m)^## ' | Select-Object -First 1
        foreach ($match in [regex]::Matches($section, '(?ms)^### (Example \d+)[^\n]*\n```powershell\r?\n(.*?)^```')) {
            $code = $match.Groups[2].Value
            $ast = [Management.Automation.Language.Parser]::ParseInput($code, [ref] $null, [ref] $null)
            # & { ... } is a command without a name.
            $used = $ast.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true) | ForEach-Object { $_.GetCommandName() } | Where-Object { $_ }
            @{ Name = $name; Title = $match.Groups[1].Value; Code = $code; Runs = -not ($used | Where-Object { $_ -notin $harmless }) }
        }
    }
    $running = $examples | Where-Object { $_.Runs }
}

BeforeAll {
    . "$PSScriptRoot/Common.ps1"
    Import-Module (Get-StagedModule) -Force
}

Describe 'The help of <Name>' -ForEach $cmdlets {
    BeforeAll { $help = Get-Help $Name -Full }

    It 'is found in the staged module' {
        $help.Synopsis | Should -Match '\.$'
        $help.Description.Text -join ' ' | Should -Not -BeNullOrEmpty
    }

    It 'describes each parameter' {
        $common = [Management.Automation.PSCmdlet]::CommonParameters
        # All in one call: each reads the whole help file.
        $described = Get-Help $Name -Parameter *
        foreach ($parameter in (Get-Command $Name).Parameters.Keys | Where-Object { $_ -notin $common }) {
            ($described | Where-Object Name -EQ $parameter).description.Text -join ' ' | Should -Not -BeNullOrEmpty -Because "-$parameter needs words"
        }
    }

    It 'shows the code of each example as code' {
        @($help.examples.example).Count | Should -BeGreaterOrEqual 2
        foreach ($example in $help.examples.example) {
            $example.code | Should -Match ([regex]::Escape($Name))
            $example.code | Should -Not -Match '```'
        }
        Get-Help $Name -Examples | Out-String | Should -Not -Match '```'
    }
}

Describe 'The examples' {
    It '<Title> of <Name> binds' -ForEach $examples {
        # Under strict mode, for a path that it does not know, the binder accepts any parameter of a command that has some of a provider's.
        Set-StrictMode -Off
        $errors = $null
        $ast = [Management.Automation.Language.Parser]::ParseInput($Code, [ref] $null, [ref] $errors)
        $errors | Should -BeNullOrEmpty
        foreach ($command in $ast.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] -and $args[0].GetCommandName() }, $true)) {
            Get-Command $command.GetCommandName() -ErrorAction Ignore | Should -Not -BeNullOrEmpty -Because "the example calls $($command.GetCommandName())"
            $bound = [Management.Automation.Language.StaticParameterBinder]::BindCommand($command, $true)
            $bound.BindingExceptions.Values | ForEach-Object { $_.BindingException.Message } | Should -BeNullOrEmpty
        }
    }

    It '<Title> of <Name> runs and gives something' -ForEach $running {
        $result = & ([scriptblock]::Create("`$ErrorActionPreference = 'Stop'`n$Code")) | Out-String
        $result.Trim() | Should -Not -BeNullOrEmpty
    }

    It 'are run if they change nothing' {
        # This file would prove nothing if its list of harmless commands went stale.
        'Block-ContainerMetadataAccess', 'Block-ContainerHostAccess', 'Block-ContainerInternalAccess', 'Set-SmtpRateLimit', 'New-FirewallRule' |
            ForEach-Object { $_ | Should -BeIn $names }
    } -TestCases @{ names = @($running.Name | Sort-Object -Unique) }
}

Describe 'The about topic' {
    It 'is found' {
        Get-Help about_DockerNetHarden | Out-String | Should -Match 'SHORT DESCRIPTION'
    }
}
