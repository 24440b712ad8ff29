using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Chooses rules by control and network.</summary>
internal static class MarkFilter
{
    /// <summary>The controls in their own spelling; an unknown one is refused: it would silently choose nothing.</summary>
    public static string[]? CheckControls(string[]? controls) => controls?.Select(control =>
        RuleMark.Controls.FirstOrDefault(known => string.Equals(known, control, StringComparison.OrdinalIgnoreCase)) ?? new RuleMark(control).Control).ToArray();

    public static bool Holds(string[]? wanted, string? value) => wanted is null || (value is not null && wanted.Contains(value, StringComparer.Ordinal));
}
