# Shared by the test files. Dot-sourced in BeforeDiscovery and BeforeAll.

function Get-ProjectRoot { Split-Path (Split-Path $PSScriptRoot) }

# The staged module, never the sources: the tests run what is shipped.
function Get-StagedModule {
    if ($env:DNH_MODULE) { return $env:DNH_MODULE }
    $stage = Join-Path (Get-ProjectRoot) 'out/DockerNetHarden'
    $newest = Get-ChildItem $stage -Directory -ErrorAction Ignore | Sort-Object { [version] $_.Name } | Select-Object -Last 1
    if (-not $newest) { throw "$stage is empty: dotnet build -c Release stages the module." }
    Join-Path $newest.FullName 'DockerNetHarden.psd1'
}

# The command that starts this pwsh again. Installed as a .NET tool it has no program of its own: the process is dotnet's, and the tool's own starter
# would put a second process in between.
function Get-PwshCommand {
    [Environment]::ProcessPath
    if ((Split-Path ([Environment]::ProcessPath) -LeafBase) -eq 'dotnet') { Join-Path $PSHOME 'pwsh.dll' }
}

# Runs a script in a separate pwsh without input.
function Invoke-Pwsh([string] $Script) {
    $program, $more = Get-PwshCommand
    $null | & $program @($more) -NoProfile -NonInteractive -Command $Script
}

# The running children of this process; one that ends meanwhile has no parent to ask for.
function Get-SshChild {
    [Diagnostics.Process]::GetProcessesByName('ssh') | Where-Object { try { $_.Parent.Id -eq $PID } catch { $false } }
}

function Get-LabTool {
    if ($env:DNH_LAB_TOOL) { return $env:DNH_LAB_TOOL }
    foreach ($configuration in 'Release', 'Debug') {
        $tool = Join-Path (Get-ProjectRoot) "src/DockerNetHarden.Lab/bin/$configuration/net8.0/dnh-lab.dll"
        if (Test-Path $tool) { return $tool }
    }
}

# Part of a test's name: why the tests do not run here; empty if they do.
function Get-LabReason {
    if ($env:DNH_LAB) { '' } else { ' (skipped: needs the lab; run tests/Pester/Invoke-Tests.ps1 as root with Docker installed)' }
}

function Invoke-LabTool {
    $output = dotnet $env:DNH_LAB_TOOL @args
    if ($LASTEXITCODE -ne 0) { throw "dnh-lab $args failed: $output" }
    $output
}

# The lab of this process, through its own classes: a dnh-lab for each probe would start a runtime each time. They are loaded separately, with their own copy of the core,
# because the module must find no assemblies there but its own.
function Get-Lab {
    if (-not (Test-Path Variable:/Global:DnhTestLab)) {
        $apart = [Runtime.Loader.AssemblyLoadContext]::new('dnh-lab')
        $null = $apart.LoadFromAssemblyPath((Join-Path (Split-Path $env:DNH_LAB_TOOL) 'DockerNetHarden.Core.dll'))
        $assembly = $apart.LoadFromAssemblyPath($env:DNH_LAB_TOOL)
        $global:DnhTestLab = $assembly.GetType('DockerNetHarden.Lab.LabHost')::Open($env:DNH_LAB)
    }
    $global:DnhTestLab
}

# What happened to a real packet: Open, Refused, TimedOut ...
function Get-Reach([string] $From, [string] $To, [int] $Port, [string] $Protocol = 'Http') {
    "$((Get-Lab).AskAsync($From, $To, $Port, $Protocol, [NullString]::Value, [timespan]::FromSeconds(1.5), [Threading.CancellationToken]::None).GetAwaiter().GetResult().Result)"
}

# Part of a test's name: why tests that write below /etc do not run here; empty if they do.
function Get-OwnFilesReason {
    if (-not $env:DNH_LAB) { return '' }
    $folder = (New-Item -ItemType Directory -Force (Join-Path ([IO.Path]::GetTempPath()) "dnh-save-$PID")).FullName
    sh -c 'unshare --mount --propagation private sh -c "mount -t tmpfs tmpfs \"$1\" && mkdir \"$1/up\" \"$1/work\" && mount -t overlay overlay -o lowerdir=/etc,upperdir=$1/up,workdir=$1/work /etc" 2>/dev/null' sh $folder
    if ($LASTEXITCODE) { ' (skipped: needs mount namespaces and overlayfs)' } else { '' }
    Remove-Item $folder
}

# Runs a script in a pwsh whose /etc nobody else sees and that systemd did not start; returns what it wrote, as JSON.
function Invoke-WithOwnFiles([string] $Script) {
    $folder = (New-Item -ItemType Directory -Force (Join-Path ([IO.Path]::GetTempPath()) "dnh-save-$PID-$([guid]::NewGuid().ToString('n'))")).FullName
    $file = "$folder.ps1"
    "`$ErrorActionPreference = 'Stop'`nImport-Module '$(Get-StagedModule)'`n& {`n$Script`n} | ConvertTo-Json -Depth 4 -EnumsAsStrings -AsArray | Set-Content '$file.json'" | Set-Content $file
    $code = 'mount -t tmpfs tmpfs "$1" && mkdir "$1/up" "$1/work" && mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/up,workdir=$1/work" /etc || exit 97
        if [ -d /run/systemd ]; then mount -t tmpfs tmpfs /run/systemd; fi
        rm -rf /etc/docker-net-harden
        shift
        exec "$@"'
    $output = unshare --mount --propagation private sh -c $code sh $folder @(Get-PwshCommand) -NoProfile -NonInteractive -File $file
    $exit = $LASTEXITCODE
    # -WhatIf writes to the console, so the script's result goes to a separate file.
    $back = Get-Content "$file.json" -ErrorAction Ignore | ConvertFrom-Json
    Remove-Item $file, "$file.json", $folder -Recurse -ErrorAction Ignore
    if ($exit) { throw "The script ended with $exit`: $output" }
    $back
}

# One more container of the lab.
function Start-LabContainer([string] $Name, [string] $Network) {
    $lab = Get-Lab
    $options = $lab.GetType().Assembly.GetType('DockerNetHarden.Lab.LabContainerOptions')::new($Name)
    $options.GetType().GetProperty('Network').SetValue($options, $Network)
    $null = $lab.RunContainerAsync($options, [Threading.CancellationToken]::None).GetAwaiter().GetResult()
}

# Docker hosts with sshd in namespaces, the first $Hosts of them; while they are in use, an ssh client that reaches them is first on PATH. The files share one fleet
# and leave it as they found it: the first file raises it, and the end of the run takes it down or, failing that, the next lab to be raised.
function Enter-TestFleet([int] $Hosts) {
    if (-not (Test-Path Variable:/Global:DnhTestFleet)) {
        $pwsh = Get-PwshCommand | ForEach-Object { '--pwsh', $_ }
        $global:DnhTestFleet = Invoke-LabTool fleet up --name "pf$PID" --hosts 3 --owner $PID --json @pwsh
    }
    $fleet = $global:DnhTestFleet | ConvertFrom-Json
    $fleet.hosts = @($fleet.hosts | Select-Object -First $Hosts)
    $fleet | Add-Member PathBefore $env:PATH
    $env:PATH = "$($fleet.programs):$env:PATH"
    $fleet
}

function Exit-TestFleet($Fleet) { if ($Fleet) { $env:PATH = $Fleet.PathBefore } }

function Remove-TestFleet {
    if (-not (Test-Path Variable:/Global:DnhTestFleet)) { return }
    $name = ($global:DnhTestFleet | ConvertFrom-Json).name
    Remove-Variable DnhTestFleet -Scope Global
    Invoke-LabTool fleet down --name $name | Out-Null
}

# All tables of both families without counters and time: what must stay the same if nothing is changed. A table without rules and with
# ACCEPT policies equals a missing one: the kernel makes it at the first use and keeps it.
function Get-TableText {
    $lines = foreach ($command in 'iptables-save', 'ip6tables-save') {
        $table = ''
        foreach ($line in & $command) {
            if ($line -match '^\*(.+)$') { $table = $Matches[1] }
            elseif ($line -match '^-A|^:' -and $line -notmatch '^:\S+ ACCEPT') { "$command $table $($line -replace '\[\d+:\d+\]')" }
        }
    }
    $lines -join "`n"
}

# The error that a command ends with; without an error the test fails.
function Get-TerminatingError([scriptblock] $Script) {
    try { $null = & $Script } catch { return $_ }
    throw 'No terminating error came.'
}

# A separate runspace with the module, which can be stopped, or have a host of the test's own for questions.
function New-TestShell([System.Management.Automation.Host.PSHost] $PSHost) {
    $state = [initialsessionstate]::CreateDefault2()
    $state.ImportPSModule((Get-StagedModule))
    $runspace = if ($PSHost) { [runspacefactory]::CreateRunspace($PSHost, $state) } else { [runspacefactory]::CreateRunspace($state) }
    $runspace.Open()
    $shell = [powershell]::Create()
    $shell.Runspace = $runspace
    $shell
}

# Stops a running shell and tells how long it took and how it ended.
function Stop-TestShell([powershell] $Shell) {
    $clock = [Diagnostics.Stopwatch]::StartNew()
    $Shell.Stop()
    [pscustomobject]@{ Milliseconds = $clock.ElapsedMilliseconds; State = "$($Shell.InvocationStateInfo.State)" }
}

# Adds a program that plays ssh, or sh: it runs what it is sent in a shell of this machine, up to the rules that a program would write. From there on it reads no more.
# Its process id is in the file 'pid' beside it, and 5,000 rules are more than a pipe holds: by source, because a set of ipset would stand for 5,000 destinations.
function Add-DeafProgram([string] $Path) {
    Set-Content $Path '#!/bin/bash', 'while IFS= read -r line; do printf "%s\n" "$line"; case $line in "*filter") exit 7 ;; esac; done | /bin/bash --posix',
        '[ "${PIPESTATUS[0]}" = 7 ] || exit 0', 'echo $$ >"PID"'.Replace('PID', "$(Split-Path $Path)/pid"), 'exec sleep 300'
    chmod 755 $Path
}
function Get-ManyRule { foreach ($number in 0..4999) { "-A DOCKER-USER -s 10.77.$([Math]::Floor($number / 250)).$($number % 250) -j DROP" } }

# Waits until the program has stopped to read, and gives its process id.
function Wait-DeafProgram([string] $Path) {
    $file = "$(Split-Path $Path)/pid"
    for ($i = 0; $i -lt 600 -and -not (Get-Content $file -ErrorAction Ignore); $i++) { Start-Sleep -Milliseconds 100 }
    [int] (Get-Content $file)
}

# What a command does that talks to such a program: it stops at once, or says after its timeout why it gave up, and the program ends.
function Assert-GivenUp($Shell, $Running, [int] $Deaf, [string] $Reason) {
    "/proc/$Deaf" | Should -Exist
    if ($Reason -eq 'Ctrl-C') {
        $stopped = Stop-TestShell $Shell
        $stopped.Milliseconds | Should -BeLessThan 5000
        $stopped.State | Should -Be 'Stopped'
    }
    else {
        $Running.AsyncWaitHandle.WaitOne(60000) | Should -BeTrue
        $Shell.Streams.Error | Should -HaveCount 1
        $Shell.Streams.Error[0].FullyQualifiedErrorId | Should -BeLike 'HostTimeout,*'
        "$($Shell.Streams.Error[0])" | Should -BeLike "*did not read all of the program*-$Reason*"
    }
    for ($i = 0; $i -lt 200 -and (Test-Path "/proc/$Deaf"); $i++) { Start-Sleep -Milliseconds 50 }
    "/proc/$Deaf" | Should -Not -Exist
    $Shell.Dispose()
}

# A host that gives prepared answers to questions, and can hold one back until it is released, as PowerShell's console does while a person thinks.
function Add-TestHost {
    if ('DockerNetHardenTest.AnsweringHost' -as [type]) { return }
    Add-Type -WarningAction Ignore -TypeDefinition @'
using System;
using System.Collections.Generic;
using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;
using System.Threading;
namespace DockerNetHardenTest
{
    public sealed class AnsweringHost : PSHost
    {
        private readonly AnsweringUI _ui = new AnsweringUI();
        public AnsweringUI Answers { get { return _ui; } }
        public override CultureInfo CurrentCulture { get { return CultureInfo.InvariantCulture; } }
        public override CultureInfo CurrentUICulture { get { return CultureInfo.InvariantCulture; } }
        public override Guid InstanceId { get; } = Guid.NewGuid();
        public override string Name { get { return "AnsweringHost"; } }
        public override PSHostUserInterface UI { get { return _ui; } }
        public override Version Version { get { return new Version(1, 0); } }
        public override void EnterNestedPrompt() { }
        public override void ExitNestedPrompt() { }
        public override void NotifyBeginApplication() { }
        public override void NotifyEndApplication() { }
        public override void SetShouldExit(int exitCode) { }
    }
    public sealed class AnsweringUI : PSHostUserInterface
    {
        public int Answer;
        public bool Hold;
        public readonly ManualResetEventSlim Asked = new ManualResetEventSlim();
        public readonly ManualResetEventSlim Released = new ManualResetEventSlim();
        public readonly List<string> Questions = new List<string>();
        public override PSHostRawUserInterface RawUI { get { return null; } }
        public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
        {
            Questions.Add(message);
            Asked.Set();
            if (!Hold) return Answer;
            Released.Wait(TimeSpan.FromSeconds(30));
            throw new PipelineStoppedException();
        }
        public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) { throw new NotSupportedException(); }
        public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) { throw new NotSupportedException(); }
        public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) { throw new NotSupportedException(); }
        public override string ReadLine() { throw new NotSupportedException(); }
        public override SecureString ReadLineAsSecureString() { throw new NotSupportedException(); }
        public override void Write(string value) { }
        public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) { }
        public override void WriteLine(string value) { }
        public override void WriteDebugLine(string message) { }
        public override void WriteErrorLine(string value) { }
        public override void WriteProgress(long sourceId, ProgressRecord record) { }
        public override void WriteVerboseLine(string message) { }
        public override void WriteWarningLine(string message) { }
    }
}
'@
}
