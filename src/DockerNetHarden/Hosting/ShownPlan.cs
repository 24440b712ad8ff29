using System.Management.Automation;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Hosting;

/// <summary>A plan as -WhatIf and -Confirm show it: green goes in, red goes out, in the colours of <c>$PSStyle</c>.</summary>
internal sealed class ShownPlan
{
    private readonly string _added;
    private readonly string _removed;
    private readonly string _reset;

    private ShownPlan(string added, string removed, string reset) => (_added, _removed, _reset) = (added, removed, reset);

    /// <summary>Without colours.</summary>
    public static ShownPlan Plain { get; } = new("", "", "");

    /// <summary>The colours of a session; none if its output goes to a file, or if it wants none (https://no-color.org).</summary>
    public static ShownPlan Of(PSCmdlet cmdlet)
    {
        if (Console.IsOutputRedirected || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")) || cmdlet.GetVariableValue("PSStyle") is not { } style)
            return Plain;
        var values = PSObject.AsPSObject(style).Properties;
        if (values["OutputRendering"]?.Value?.ToString() is "PlainText" || values["Foreground"]?.Value is not { } foreground)
            return Plain;
        var colours = PSObject.AsPSObject(foreground).Properties;
        return new ShownPlan($"{colours["Green"]?.Value}", $"{colours["Red"]?.Value}", $"{values["Reset"]?.Value}");
    }

    /// <summary>The lines of a plan.</summary>
    public string Text(Plan plan) => string.Join('\n', PlanDiff.Of(plan).Select(line => line.Sign switch
    {
        '+' => _added + line + _reset,
        '-' => _removed + line + _reset,
        _ => line.ToString(),
    }));
}
