using System.Collections;
using System.Reflection;
using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Snapshots;

/// <summary>Snapshots with one changed property, their own or that of a record in them. Found by reflection, so that new properties are included.</summary>
internal sealed record Mutation(string Name, HostSnapshot Changed)
{
    /// <summary>One for each property that can be set, at any depth; in a list the first member represents all.</summary>
    internal static IReadOnlyList<Mutation> Of(HostSnapshot sample) => [.. Variants(sample).Select(static variant => new Mutation(variant.Name, (HostSnapshot)variant.Value!))];

    private static IEnumerable<(string Name, object? Value)> Variants(object record)
    {
        var settable = record.GetType().GetProperties(BindingFlags.Instance | BindingFlags.Public).Where(static property => property.CanWrite).ToList();
        Assert.True(settable.Count > 0, $"{record.GetType()} has no property that can be set: say in Mutation how to change it.");
        foreach (var property in settable)
        {
            foreach (var (name, value) in Changes(property.PropertyType, property.GetValue(record), property.Name))
            {
                var copy = record.GetType().GetMethod("<Clone>$")!.Invoke(record, null)!;
                property.SetValue(copy, value);
                yield return (name, copy);
            }
        }
    }

    private static IEnumerable<(string Name, object? Value)> Changes(Type type, object? value, string name)
    {
        Assert.True(value is not null, $"{name} is null in the sample: give it a value there.");
        switch (value)
        {
            case string text:
                return [(name, text + "x")];
            case bool flag:
                return [(name, !flag)];
            case int number:
                return [(name, number + 1)];
            case long number:
                return [(name, number - 1)];
            case DateTimeOffset time:
                return [(name, time.AddTicks(1))];
            case Enum:
                return [(name, Enum.GetValues(Nullable.GetUnderlyingType(type) ?? type).Cast<object>().First(other => !other.Equals(value)))];
            case Cidr prefix:
                return [(name, prefix.Family == Family.IPv4 ? Cidr.Parse("198.51.100.0/24") : Cidr.Parse("2001:db8::/32"))];
            case DockerException error:
                return
                [
                    (name + ".Failure", new DockerException(DockerFailure.Timeout, error.Message, error.Endpoint, error.Status)), (name + ".Message", new DockerException(error.Failure, "other", error.Endpoint, error.Status)),
                    (name + ".Endpoint", new DockerException(error.Failure, error.Message, "other", error.Status)), (name + ".Status", new DockerException(error.Failure, error.Message, error.Endpoint, 404)),
                ];
            case IReadOnlyDictionary<string, string> map:
                return [(name, new Dictionary<string, string>(map) { ["another"] = "one" })];
            case IReadOnlyDictionary<Family, Ruleset> rules:
                return [(name, new Dictionary<Family, Ruleset>(rules) { [Family.IPv4] = Ruleset.Parse(Family.IPv4, "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n") })];
            case IList list:
                return ListChanges(type, list, name);
            default:
                return Variants(value).Select(variant => ($"{name}.{variant.Name}", variant.Value));
        }
    }

    private static IEnumerable<(string Name, object? Value)> ListChanges(Type type, IList list, string name)
    {
        Assert.True(list.Count > 0, $"{name} is empty in the sample: give it a member there.");
        var item = type.GetGenericArguments()[0];
        var shorter = Array.CreateInstance(item, list.Count - 1);
        for (var i = 1; i < list.Count; i++)
            shorter.SetValue(list[i], i - 1);
        yield return (name, shorter);
        if (item == typeof(JsonElement))
            yield break;
        foreach (var (part, value) in Changes(item, list[0], name + "[0]"))
        {
            var changed = Array.CreateInstance(item, list.Count);
            list.CopyTo(changed, 0);
            changed.SetValue(value, 0);
            yield return (part, changed);
        }
    }
}
