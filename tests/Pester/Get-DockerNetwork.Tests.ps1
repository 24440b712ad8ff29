BeforeDiscovery { . $PSScriptRoot/Common.ps1 }

BeforeAll {
    . $PSScriptRoot/Common.ps1
    Import-Module (Get-StagedModule) -Force
}

Describe 'Get-DockerNetwork without Docker' {
    BeforeEach { $docker = $env:DOCKER_HOST }

    AfterEach { $env:DOCKER_HOST = $docker }

    It 'says why, and the way out: <Endpoint>' -ForEach @(
        @{ Endpoint = 'unix:///nowhere/docker.sock'; Id = 'DockerNotInstalled' }
        @{ Endpoint = 'ssh://user@other'; Id = 'DockerUnusableEndpoint' }
        @{ Endpoint = 'tcp://10.0.0.5:2375'; Id = 'DockerUnusableEndpoint' }
    ) {
        $env:DOCKER_HOST = $Endpoint
        $failure = Get-TerminatingError { Get-DockerNetwork -ErrorAction Stop }
        $failure.FullyQualifiedErrorId | Should -Be "$Id,DockerNetHarden.Commands.GetDockerNetworkCommand"
        $failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
    }

    It 'says that the daemon is down if nobody listens on the socket' -Skip:(-not $IsLinux) {
        $socket = [Net.Sockets.Socket]::new('Unix', 'Stream', 'Unspecified')
        $socket.Bind([Net.Sockets.UnixDomainSocketEndPoint]::new("$TestDrive/docker.sock"))
        $socket.Close()
        # .NET removes the file with the socket; a killed daemon leaves a file that nobody listens on.
        if (-not (Test-Path "$TestDrive/docker.sock")) { Set-Content "$TestDrive/docker.sock" '' }
        $env:DOCKER_HOST = "unix://$TestDrive/docker.sock"
        { Get-DockerNetwork -ErrorAction Stop } | Should -Throw -ErrorId 'DockerDaemonDown,*'
    }

    It 'stops at once while Docker does not answer' {
        $listener = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
        $listener.Start()
        $env:DOCKER_HOST = "tcp://127.0.0.1:$($listener.LocalEndpoint.Port)"
        $shell = New-TestShell
        try {
            $running = $shell.AddScript('Get-DockerNetwork').BeginInvoke()
            $accepted = $listener.AcceptTcpClientAsync()
            $accepted.Wait(20000) | Should -BeTrue
            $end = Stop-TestShell $shell
        }
        finally {
            $shell.Dispose()
            $listener.Stop()
        }
        $end.State | Should -Be 'Stopped'
        $end.Milliseconds | Should -BeLessThan 5000
        $running.IsCompleted | Should -BeTrue
    }
}

Describe "Get-DockerNetwork on a Docker host$(Get-LabReason)" -Skip:(-not $env:DNH_LAB) {
    It 'lists all networks with bridge, subnet and containers' {
        $networks = Get-DockerNetwork
        $networks.Name | Should -Be @('apps', 'bridge', 'host', 'none')
        $apps = $networks[0]
        $apps.HostName, $apps.Driver, $apps.Bridge, $apps.Internal, $apps.Profile | Should -Be @('localhost', 'bridge', 'apps0', $false, $null)
        $apps.Subnet | Should -Match '^172\.\d+\.0\.0/16$'
        $apps.Container | Should -Be @('a1', 'a2')
        $networks[2].Bridge | Should -BeNullOrEmpty
    }

    It 'can be read as JSON' { (Get-DockerNetwork apps | ConvertTo-Json | ConvertFrom-Json).Subnet | Should -Match '^172\.' }

    It 'gives a network to the commands that make rules for one, and they go back to its host' {
        $rules = Get-DockerNetwork apps | Block-ContainerInternalAccess
        $rules.Network | Select-Object -Unique | Should -Be 'apps'
        $rules.HostName | Select-Object -Unique | Should -Be 'localhost'
        ($rules | Invoke-FirewallRule -WhatIf).HostName | Should -Be 'localhost'
        ($rules | ConvertTo-Json | ConvertFrom-Json | Invoke-FirewallRule -WhatIf).HostName | Should -Be 'localhost'
    }

    It 'needs Docker alone: the rules cannot be read' {
        $folder = (New-Item -ItemType Directory TestDrive:/broken).FullName
        foreach ($name in 'iptables-save', 'iptables-nft-save', 'iptables-legacy-save') { Set-Content "$folder/$name" '#!/bin/sh', 'echo "*filter"; echo "-A nonsense"; exit 1' }
        chmod 755 "$folder/iptables-save" "$folder/iptables-nft-save" "$folder/iptables-legacy-save"
        $path = $env:PATH
        $env:PATH = "${folder}:$path"
        try {
            { Get-FirewallRule -ErrorAction Stop } | Should -Throw -ErrorId 'UnreadableRules,*'
            (Get-DockerNetwork -ErrorAction Stop).Name | Should -Be @('apps', 'bridge', 'host', 'none')
        }
        finally { $env:PATH = $path }
    }

    It 'needs Docker alone: the engine runs rootless' {
        $listener = [Net.HttpListener]::new()
        $port = Get-Random -Minimum 20000 -Maximum 30000
        $listener.Prefixes.Add("http://+:$port/")
        $listener.Start()
        $server = [powershell]::Create().AddScript({
                param($listener)
                while ($listener.IsListening) {
                    $context = $listener.GetContext()
                    $body = switch -Regex ($context.Request.RawUrl) {
                        '/version' { '{"Version":"28.0.4","ApiVersion":"1.48","MinAPIVersion":"1.24"}' }
                        '/info' { '{"ID":"x","ServerVersion":"28.0.4","SecurityOptions":["name=rootless"]}' }
                        '/networks' { '[{"Name":"web","Id":"1","Driver":"bridge","Options":{},"IPAM":{"Config":[]}}]' }
                        default { '[]' }
                    }
                    $bytes = [Text.Encoding]::UTF8.GetBytes($body)
                    $context.Response.Headers['Api-Version'] = '1.48'
                    $context.Response.ContentType = 'application/json'
                    $context.Response.OutputStream.Write($bytes)
                    $context.Response.Close()
                }
            }).AddArgument($listener)
        $null = $server.BeginInvoke()
        $docker = $env:DOCKER_HOST
        $env:DOCKER_HOST = "tcp://127.0.0.1:$port"
        try {
            (Get-DockerNetwork -ErrorAction Stop).Name | Should -Be 'web'
            { New-FirewallRule -Action Drop -RemoteAddress 10.0.0.5 | Invoke-FirewallRule -ErrorAction Stop } | Should -Throw -ErrorId 'DockerRootless,*'
        }
        finally {
            $env:DOCKER_HOST = $docker
            $listener.Stop()
            $server.Dispose()
        }
    }

    It 'chooses by name and wildcard' {
        (Get-DockerNetwork apps).Name | Should -Be 'apps'
        (Get-DockerNetwork 'b*', 'h*').Name | Should -Be @('bridge', 'host')
        (Get-DockerNetwork apps, none | Get-DockerNetwork).Name | Should -Be @('apps', 'none')
        Get-DockerNetwork 'z*' | Should -BeNullOrEmpty
        @() | Get-DockerNetwork | Should -BeNullOrEmpty
    }

    It 'says that a network named in full does not exist' {
        $found = Get-DockerNetwork apps, nowhere, Apps -ErrorAction SilentlyContinue -ErrorVariable failures
        $found.Name | Should -Be 'apps'
        $failures.FullyQualifiedErrorId | Select-Object -Unique | Should -Be 'NetworkNotFound,DockerNetHarden.Commands.GetDockerNetworkCommand'
        $failures.TargetObject | Should -Be @('nowhere', 'Apps')
    }

    It 'completes names with their bridge' {
        $found = (TabExpansion2 'Get-DockerNetwork -Name a').CompletionMatches
        $found.CompletionText | Should -Be 'apps'
        $found.ToolTip | Should -Match 'apps0'
        (TabExpansion2 'Block-ContainerHostAccess -Network ap').CompletionMatches.CompletionText | Should -Be 'apps'
    }

    It 'shows a table' { Get-DockerNetwork | Format-Table | Out-String -Width 200 | Should -Match 'Name\s+Driver\s+Bridge\s+Subnet\s+Profile\s+Containers' }
}
