using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Policy;

/// <summary>Makes a policy from what was read, or says where it is wrong. Everything that can be refused without a host is refused here.</summary>
internal sealed class PolicyReader
{
    private static readonly string[] Keys = ["$schema", "version", "networks", "controls", "rules"];

    private readonly Dictionary<RuleMark, PolicyValue> _marks = [];

    private PolicyReader()
    {
    }

    /// <exception cref="PolicyException">It is not possible.</exception>
    public static HardeningPolicy Read(PolicyValue root)
    {
        root.Expect(PolicyKind.Object, "an object");
        foreach (var (name, value) in root.Members)
        {
            if (!Keys.Contains(name, StringComparer.Ordinal))
                throw value.Refuse($"'{name}' is not a known key; the keys are {string.Join(", ", Keys)}.");
        }
        if (root.Find("version") is not { } version)
            throw root.Refuse($"'version' is missing; write \"version\": {HardeningPolicy.Version}.");
        if (version is not { Kind: PolicyKind.Number, Text: "1" })
            throw version.Refuse($"this module reads version {HardeningPolicy.Version}, not {version.Text}; a newer module reads newer files.");
        root.Find("$schema")?.Expect(PolicyKind.Text, "a text");

        var reader = new PolicyReader();
        var policy = new HardeningPolicy
        {
            Networks = [.. Items(root, "networks").Select(reader.Network)],
            Controls = [.. Items(root, "controls").Select(reader.Control)],
            SingleRules = reader.SingleRules(Items(root, "rules")),
        };
        return policy;
    }

    private static IReadOnlyList<PolicyValue> Items(PolicyValue root, string name) =>
        root.Find(name) is { } list ? list.Expect(PolicyKind.List, "a list").Items : [];

    private HardenedNetwork Network(PolicyValue value)
    {
        var network = PolicyShapes.Network.Read(value);
        try
        {
            Claim(network.Checked().Rules(), value);
        }
        catch (Exception error) when (error is FormatException and not PolicyException or ArgumentException)
        {
            throw value.Refuse(error.Message, error);
        }
        return network;
    }

    private Control Control(PolicyValue value)
    {
        var name = value.Expect(PolicyKind.Object, "an object").Find("control") ?? throw value.Refuse($"'control' is missing; the controls are {string.Join(", ", PolicyShapes.Controls.Keys)}.");
        if (!PolicyShapes.Controls.TryGetValue(name.Expect(PolicyKind.Text, "a text").Text, out var shape))
            throw name.Refuse($"'{name.Text}' is not a control; the controls are {string.Join(", ", PolicyShapes.Controls.Keys)}.");
        var control = shape.Read(value, "control");
        try
        {
            Claim(control.Rules(), value);
        }
        catch (RefusedValueException error)
        {
            throw value.Refuse(error.Message, error);
        }
        return control;
    }

    // In the order that iptables would give them: a later -I comes before an earlier one.
    private IReadOnlyList<FirewallRule> SingleRules(IReadOnlyList<PolicyValue> values)
    {
        var order = new RuleOrder();
        foreach (var value in values)
        {
            try
            {
                var script = new RuleScript();
                var read = script.Read(value.Expect(PolicyKind.Text, "a rule as text").Text);
                script.Complete();
                if (read.Count == 0)
                    throw value.Refuse("it holds no rule; leave it out.");
                foreach (var placed in read)
                {
                    CheckSingle(placed.Rule, value);
                    order.Add(placed);
                }
            }
            catch (RefusedValueException error)
            {
                throw value.Refuse(error.Message, error);
            }
        }
        return order.Rules;
    }

    // Rules of one mark replace each other as a whole: two entries of a policy with the same mark would be mixed into one.
    private void Claim(IReadOnlyList<FirewallRule> rules, PolicyValue value)
    {
        foreach (var mark in rules.Select(rule => rule.Mark).Distinct())
        {
            if (!_marks.TryAdd(mark, value))
                throw value.Refuse($"{_marks[mark].Path} (line {_marks[mark].Line}) already sets {mark}; join the two, or remove one.");
        }
    }

    private void CheckSingle(FirewallRule rule, PolicyValue value)
    {
        if (_marks.TryGetValue(rule.Mark, out var other))
            throw value.Refuse($"{other.Path} (line {other.Line}) already sets all of {rule.Mark}; give the rule a subject of its own, or remove that one.");
    }
}
