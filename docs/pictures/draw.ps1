# Draws what was printed on a terminal as SVG: text with the terminal's colours, for light and dark pages.
param([string] $From, [string] $To)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'

$colours = @{ 31 = '#ff7b72'; 32 = '#7ee787'; 33 = '#e3b341'; 34 = '#79c0ff'; 35 = '#d2a8ff'; 36 = '#76e3ea'; 91 = '#ffa198'; 92 = '#56d364'; 93 = '#e3b341'; 96 = '#76e3ea' }
$escape = [char] 27
$width, $height, $margin = 8.2, 18, 16

# What script(1) adds, moves of the cursor and titles are not text.
$text = (Get-Content $From -Raw) -replace '(?m)^Script (?:started|done)[^\r\n]*\r?\n?' -replace "$escape\][^$([char] 7)]*$([char] 7)" -creplace "$escape\[[0-9;?]*[A-Za-ln-z]" -replace "$escape[=>]" -replace "`r"
$lines = @($text.Trim("`n") -split "`n")
$state = @{ Colour = ''; Bold = $false }
$rows = foreach ($line in $lines) {
    $spans = foreach ($part in [regex]::Split($line, "($escape\[[0-9;]*m)")) {
        if ($part -match "^$escape\[([0-9;]*)m$") {
            foreach ($code in ($Matches[1] -split ';' | ForEach-Object { if ($_) { [int] $_ } else { 0 } })) {
                if ($code -eq 0) { $state.Colour = ''; $state.Bold = $false }
                elseif ($code -eq 1) { $state.Bold = $true }
                elseif ($colours.ContainsKey($code)) { $state.Colour = $colours[$code] }
            }
        }
        elseif ($part) {
            $style = @(if ($state.Colour) { "fill=`"$($state.Colour)`"" }; if ($state.Bold) { 'font-weight="bold"' }) -join ' '
            $shown = [Security.SecurityElement]::Escape($part)
            if ($style) { "<tspan $style>$shown</tspan>" } else { $shown }
        }
    }
    if ($line -like 'PS> *') { "<tspan font-weight=`"bold`">$($spans -join '')</tspan>" } else { $spans -join '' }
}
$columns = [Math]::Max(80, ($lines | ForEach-Object { ($_ -replace "$escape\[[0-9;]*m").Length } | Measure-Object -Maximum).Maximum)
$size = "$([int] ($columns * $width + 2 * $margin)) $([int] ($lines.Count * $height + 2 * $margin))"
$w, $h = $size -split ' '
$body = for ($i = 0; $i -lt $rows.Count; $i++) { "<text xml:space=`"preserve`" x=`"$margin`" y=`"$($margin + 13 + $i * $height)`">$(@($rows)[$i])</text>" }
$title = [Security.SecurityElement]::Escape((@($lines -like 'PS> *') -join '; '))
@(
    "<svg xmlns=`"http://www.w3.org/2000/svg`" viewBox=`"0 0 $size`" width=`"$w`" height=`"$h`" role=`"img`"><title>$title</title>"
    "<rect width=`"$w`" height=`"$h`" rx=`"8`" fill=`"#0d1117`"/><g fill=`"#e6edf3`" font-family=`"ui-monospace, SFMono-Regular, Menlo, Consolas, monospace`" font-size=`"13.6`">"
    $body
    '</g></svg>'
) | Set-Content $To
