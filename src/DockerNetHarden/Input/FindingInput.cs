using System.Collections;
using System.Globalization;
using System.Management.Automation;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Input;

/// <summary>Findings from the pipeline: those of this process, and those that came back from CLIXML or JSON.</summary>
internal static class FindingInput
{
    /// <summary>The finding that an element is; null if it is something else.</summary>
    public static HardeningFinding? Of(PSObject element)
    {
        if (element.BaseObject is HardeningFinding finding)
            return finding;
        return element.BaseObject is PSCustomObject
            && Text(element, nameof(HardeningFinding.HostName)) is { } host
            && Text(element, nameof(HardeningFinding.Id)) is { } id
            && Text(element, nameof(HardeningFinding.Title)) is { } title
            && Word<Severity>(element, nameof(HardeningFinding.Severity)) is { } severity
            && Word<FindingStatus>(element, nameof(HardeningFinding.Status)) is { } status
            ? new HardeningFinding
            {
                HostName = host,
                Id = id,
                Title = title,
                Severity = severity,
                Status = status,
                Network = Text(element, nameof(HardeningFinding.Network)),
                Container = Text(element, nameof(HardeningFinding.Container)),
                Evidence = Value(element, nameof(HardeningFinding.Evidence)) switch
                {
                    null => [],
                    string one => [one],
                    IEnumerable list => [.. list.Cast<object?>().Select(Text).OfType<string>()],
                    var other => [Text(other) ?? ""],
                },
                Remedy = Text(element, nameof(HardeningFinding.Remedy)),
                CisItem = Text(element, nameof(HardeningFinding.CisItem)),
            }
            : null;
    }

    // A name, or the number that JSON and CLIXML keep of it.
    private static T? Word<T>(PSObject element, string name)
        where T : struct, Enum =>
        LanguagePrimitives.TryConvertTo<T>(Value(element, name), CultureInfo.InvariantCulture, out var value) && Enum.IsDefined(value) ? value : null;

    private static string? Text(PSObject element, string name) => Text(Value(element, name));

    private static string? Text(object? value) => Convert.ToString(value is PSObject wrapped ? wrapped.BaseObject : value, CultureInfo.InvariantCulture) is { Length: > 0 } text ? text : null;

    private static object? Value(PSObject element, string name) =>
        element.Properties[name] is { IsGettable: true } property ? property.Value is PSObject wrapped ? wrapped.BaseObject : property.Value : null;
}
