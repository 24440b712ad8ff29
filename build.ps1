#requires -Version 7.4
<#
.SYNOPSIS
Builds, tests and shows DockerNetHarden; makes its help.
.DESCRIPTION
Build, Test, Demo and Clean run build.sh's tasks of the same names, so that each is defined only once. If there is no sh (Windows), Build calls dotnet itself; the
tests and the demo need Linux, so run build.sh there, for example in WSL.

Help updates docs/cmdlets to the cmdlets' parameters and makes en-US/DockerNetHarden.dll-Help.xml from it. It needs platyPS 0.14 (Install-PSResource platyPS).
Its output is committed, because a machine without pwsh cannot make it.
.EXAMPLE
./build.ps1 Test
#>
[CmdletBinding()]
param(
    [Parameter(Position = 0)]
    [ValidateSet('Build', 'Test', 'Demo', 'Clean', 'Help')]
    [string] $Task = 'Build'
)
$ErrorActionPreference = 'Stop'

function Invoke-Shell([string] $Name) {
    if (Get-Command sh -CommandType Application -ErrorAction Ignore) {
        & sh (Join-Path $PSScriptRoot build.sh) $Name
    }
    elseif ($Name -eq 'build') {
        & dotnet build (Join-Path $PSScriptRoot DockerNetHarden.sln) -c Release -v q
        if (-not $LASTEXITCODE) {
            & dotnet publish (Join-Path $PSScriptRoot src/DockerNetHarden.Ready) -c Release -v q
            if ($LASTEXITCODE) {
                Write-Warning 'The staged module has no native code: its first call in a session is slower.'
                $global:LASTEXITCODE = 0
            }
        }
    }
    else {
        throw "The task '$Name' needs sh and Linux's network namespaces. Run ./build.sh $Name on Linux; WSL will do."
    }
    if ($LASTEXITCODE) {
        exit $LASTEXITCODE
    }
}

# platyPS writes a common parameter of PowerShell 7.4 and later into every page, with a placeholder as its description.
function Remove-ProgressAction([string] $Text) {
    $Text = $Text -replace ' \[-ProgressAction <ActionPreference>\]', ''
    $Text = $Text -replace '(?ms)^### -ProgressAction\r?\n.*?(?=^##)', ''
    $Text -replace ', -ProgressAction', ''
}

function Update-HelpFile {
    $platyPS = Get-Module platyPS -ListAvailable | Where-Object Version -GE '0.14.0' | Select-Object -First 1
    if (-not $platyPS) {
        throw 'The help is made with platyPS 0.14 or later: Install-PSResource platyPS.'
    }
    Import-Module $platyPS
    $version = (Import-PowerShellDataFile (Join-Path $PSScriptRoot DockerNetHarden.psd1)).ModuleVersion
    $module = Import-Module (Join-Path $PSScriptRoot "out/DockerNetHarden/$version/DockerNetHarden.psd1") -PassThru
    $pages = Join-Path $PSScriptRoot docs/cmdlets
    foreach ($cmdlet in $module.ExportedCmdlets.Keys | Sort-Object) {
        $page = Join-Path $pages "$cmdlet.md"
        if (Test-Path $page) {
            $null = Update-MarkdownHelp $page -AlphabeticParamsOrder -UpdateInputOutput:$false
        }
        else {
            $null = New-MarkdownHelp -Command $cmdlet -OutputFolder $pages -AlphabeticParamsOrder
        }
        $text = Remove-ProgressAction ([IO.File]::ReadAllText($page))
        [IO.File]::WriteAllText($page, $text.ReplaceLineEndings("`n").TrimEnd() + "`n")
    }
    $maml = New-ExternalHelp $pages -OutputPath (Join-Path $PSScriptRoot en-US) -Force
    [IO.File]::WriteAllText($maml.FullName, [IO.File]::ReadAllText($maml.FullName).ReplaceLineEndings("`n"))
    $maml.FullName
}

if ($Task -eq 'Help') {
    Invoke-Shell build
    Update-HelpFile
}
else {
    Invoke-Shell $Task.ToLowerInvariant()
}
