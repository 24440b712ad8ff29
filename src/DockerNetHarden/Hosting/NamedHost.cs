using System.Collections;
using System.Globalization;
using System.Management.Automation;
using DockerNetHarden.Errors;

namespace DockerNetHarden.Hosting;

/// <summary>
/// The hosts that an object names, in whatever shape it comes: a row, a hashtable, a rule with the property HostName. PowerShell binds no property of a hashtable, and none of an object in a list
/// that is an argument; without this, such an object would be for this machine.
/// </summary>
internal sealed record NamedHost(IReadOnlyList<string?> HostNames, string? UserName, int? Port)
{
    private const string Column = "HostName";

    /// <summary>Columns that tables of other programs have in place of HostName.</summary>
    public static IReadOnlyList<string> Alike { get; } = ["Host", "ComputerName"];

    /// <summary>The hosts in the object's HostName, with its UserName and Port; null if it has no such property.</summary>
    /// <exception cref="CommandFailure">The port is not one.</exception>
    public static NamedHost? Of(object? item)
    {
        if (!TryRead(item, Column, out var names))
            return null;
        List<string?> hosts = names is IEnumerable list and not string ? [.. list.Cast<object?>().Select(Text)] : [Text(names)];
        TryRead(item, nameof(UserName), out var user);
        TryRead(item, nameof(Port), out var text);
        // An empty cell of a CSV file means that ssh decides.
        if (text is null or "")
            return new NamedHost(hosts, Text(user), null);
        return LanguagePrimitives.TryConvertTo<int>(text, CultureInfo.InvariantCulture, out var port)
            ? new NamedHost(hosts, Text(user), port is 0 ? null : port)
            : throw CommandFailure.InvalidHostName(hosts.FirstOrDefault() ?? "", $"'{Text(text)}' is not a port: use 1 to 65535.");
    }

    /// <summary>The property that shows that an object without HostName is not for this machine; null if it has none.</summary>
    public static string? Instead(object? item) => TryRead(item, Column, out _) ? null : Alike.Append(nameof(UserName)).FirstOrDefault(column => TryRead(item, column, out _));

    /// <summary>Whether the object names a host, or should have.</summary>
    public static bool SaysWhere(object? item) => Of(item) is not null || Instead(item) is not null;

    private static bool TryRead(object? item, string name, out object? value)
    {
        value = null;
        if (item is null)
            return false;
        var all = PSObject.AsPSObject(item);
        if (all.BaseObject is IDictionary table)
        {
            var key = table.Keys.Cast<object>().FirstOrDefault(key => string.Equals(key.ToString(), name, StringComparison.OrdinalIgnoreCase));
            value = key is null ? null : Unwrap(table[key]);
            return key is not null;
        }
        if (all.Properties[name] is not { IsGettable: true } property)
            return false;
        value = Unwrap(property.Value);
        return true;
    }

    private static string? Text(object? value) => Convert.ToString(Unwrap(value), CultureInfo.InvariantCulture);

    private static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;
}
