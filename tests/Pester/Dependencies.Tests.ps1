BeforeAll {
    . $PSScriptRoot/Common.ps1

    # A module that brings an assembly which Docker.DotNet needs too, in a version of its own: the one that a session has room for.
    $other = Join-Path $TestDrive Other
    $null = New-Item -ItemType Directory $other
    # PowerShell's own compiler: Add-Type would give the assembly a name of its choice.
    Add-Type -Path (Join-Path $PSHOME Microsoft.CodeAnalysis.CSharp.dll)
    $code = '[assembly: System.Reflection.AssemblyVersion("99.1.2.3")] namespace Microsoft.Extensions.Logging { public interface ILogger { } }'
    $made = [Microsoft.CodeAnalysis.CSharp.CSharpCompilation]::Create(
        'Microsoft.Extensions.Logging.Abstractions',
        [Microsoft.CodeAnalysis.SyntaxTree[]] @([Microsoft.CodeAnalysis.CSharp.CSharpSyntaxTree]::ParseText($code)),
        [Microsoft.CodeAnalysis.MetadataReference[]] @([Microsoft.CodeAnalysis.MetadataReference]::CreateFromFile([object].Assembly.Location)),
        [Microsoft.CodeAnalysis.CSharp.CSharpCompilationOptions]::new('DynamicallyLinkedLibrary'))
    $file = [IO.File]::Create((Join-Path $other Microsoft.Extensions.Logging.Abstractions.dll))
    $result = $made.Emit($file)
    $file.Dispose()
    $result.Success | Should -BeTrue -Because "$($result.Diagnostics)"
    Set-Content (Join-Path $other Other.psm1) 'function Get-OtherVersion { "$([Microsoft.Extensions.Logging.ILogger].Assembly.GetName().Version)" }'
    New-ModuleManifest (Join-Path $other Other.psd1) -RootModule Other.psm1 -RequiredAssemblies Microsoft.Extensions.Logging.Abstractions.dll -FunctionsToExport Get-OtherVersion

    # Docker's socket, as far as Get-DockerNetwork asks it; its end is the listener's.
    $script:listener = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
    $listener.Start()
    $script:engine = Start-ThreadJob -ArgumentList $listener {
        param($listener)
        while ($true) {
            try { $client = $listener.AcceptTcpClient() } catch { return }
            $stream = $client.GetStream()
            $reader = [IO.StreamReader]::new($stream)
            $request = $reader.ReadLine()
            while ($reader.ReadLine()) { }
            $body = switch -Wildcard ($request) {
                '* /version *' { '{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"}' }
                '* /v1.41/networks *' { '[{"Name":"standin","Id":"ce64060f9030","Driver":"bridge","IPAM":{"Config":[{"Subnet":"10.77.2.0/24"}]}}]' }
                '* /v1.41/info *' { '{"ServerVersion":"20.10.24"}' }
                default { '[]' }
            }
            $stream.Write([Text.Encoding]::ASCII.GetBytes("HTTP/1.1 200 OK`r`nContent-Length: $($body.Length)`r`nConnection: close`r`n`r`n$body"))
            $client.Dispose()
        }
    }

    # What a session of its own says after its lines: the packages' assemblies that it has, each with the context that it was loaded in.
    function Invoke-Session([string[]] $Lines) {
        Invoke-Pwsh (@(
                "`$ErrorActionPreference = 'Stop'"
                "`$env:DOCKER_HOST = 'tcp://127.0.0.1:$($listener.LocalEndpoint.Port)'"
                $Lines
                @'
                [AppDomain]::CurrentDomain.GetAssemblies() | ForEach-Object {
                    $name = $_.GetName()
                    if ($name.Name -match '^(Docker\.|DockerNetHarden|Microsoft\.Extensions|Microsoft\.Net\.Http)') {
                        "$($name.Name) $([Runtime.Loader.AssemblyLoadContext]::GetLoadContext($_).Name)"
                    }
                } | Sort-Object
'@
            ) -join "`n")
    }

    $script:import = "Import-Module '$(Get-StagedModule)'"
    $script:importOther = "Import-Module '$other/Other.psd1'"
    $script:ask = '(Get-DockerNetwork).Name'
}

AfterAll {
    $listener.Stop()
    $null = $engine | Wait-Job -Timeout 10
    $engine | Remove-Job -Force
}

Describe 'The packages that the module brings' {
    It 'are not loaded by its import, nor by rules' {
        Invoke-Session $import, '$null = Block-ContainerMetadataAccess' | Should -Be @('DockerNetHarden Default', 'DockerNetHarden.Core Default', 'DockerNetHarden.Start Default')
    }

    It 'are loaded in a context of their own when Docker is asked' {
        $said = Invoke-Session $import, $ask
        $said[0] | Should -BeExactly 'standin'
        $said | Should -Contain 'DockerNetHarden.Core Default'
        $said | Should -Contain 'Docker.DotNet DockerNetHarden.Client'
        $said | Where-Object { $_ -notmatch '^(standin$|DockerNetHarden(\.Core|\.Start)? )' } | Should -Match ' DockerNetHarden\.Client$'
    }

    It 'meet no other version of theirs: <Order>' -ForEach @(
        @{ Order = 'the other module comes first'; Steps = 'importOther', 'import' }
        @{ Order = 'the other module comes second'; Steps = 'import', 'importOther' }
        @{ Order = 'the other module comes when Docker has been asked'; Steps = 'import', 'ask', 'importOther' }
    ) {
        $lines = $Steps | ForEach-Object { Get-Variable $_ -ValueOnly }
        $said = Invoke-Session ($lines + 'Get-OtherVersion' + $ask)
        $said | Should -Contain '99.1.2.3'
        $said | Should -Contain 'standin'
        $said | Should -Contain 'Microsoft.Extensions.Logging.Abstractions Default'
        $said | Should -Contain 'Microsoft.Extensions.Logging.Abstractions DockerNetHarden.Client'
    }

    It 'leave the types of rules to be found by name' {
        Invoke-Session $import, $ask, '[DockerNetHarden.Rules.FirewallRule].FullName' | Should -Contain 'DockerNetHarden.Rules.FirewallRule'
    }
}
