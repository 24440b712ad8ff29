using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Policy;

/// <summary>The one table of what a policy file can hold: the fields of each control and of the networks, which are the records' own parameters.</summary>
internal static class PolicyShapes
{
    // Texts that several controls share.
    private const string AllowPortsMeaning = "Ports that stay open, for example 53/udp or 8080/tcp.";
    private const string AllowAddressesMeaning = "Addresses that stay open.";
    private const string DnsMeaning = "True keeps DNS (53) open, false closes it; without it only what is needed stays open.";

    private static readonly PolicyType Name = PolicyType.Text(text => Operand.CheckNetworkName(text, "Network"), "^[a-zA-Z0-9][a-zA-Z0-9_.-]*$");
    private static readonly PolicyType Names = PolicyType.List<string>(Name);
    private static readonly PolicyType Address = PolicyType.Text(Cidr.Parse);
    private static readonly PolicyType Addresses = PolicyType.List<Cidr>(Address);
    private static readonly PolicyType Ports = PolicyType.List<PortSpec>(PolicyType.Text(text => PortSpec.Parse(text)));
    private static readonly PolicyType Word = PolicyType.Text(text => text);

    /// <summary>The controls, by the names that marks use.</summary>
    public static IReadOnlyDictionary<string, PolicyShape<Control>> Controls { get; } = new SortedDictionary<string, PolicyShape<Control>>(StringComparer.Ordinal)
    {
        [nameof(MetadataAccess)] = Shape(
            new MetadataAccess(),
            Field<MetadataAccess, string>("provider", "The cloud whose endpoints are meant, or auto for the one that the host is in; all that are known without it.", PolicyType.Text(MetadataEndpoints.NameOf), c => c.Provider, (c, v) => c with { Provider = v }),
            Field<MetadataAccess, object>("permit", "True: the network's containers may reach the endpoints, whatever is blocked for the whole host.", PolicyType.Flag, c => c.Permit, (c, v) => c with { Permit = (bool)v }),
            Field<MetadataAccess, object>("dns", DnsMeaning, PolicyType.Flag, c => c.Dns, (c, v) => c with { Dns = (bool)v }),
            Field<MetadataAccess, IReadOnlyList<PortSpec>>("allowPorts", AllowPortsMeaning, Ports, c => c.AllowPorts, (c, v) => c with { AllowPorts = v }),
            Field<MetadataAccess, IReadOnlyList<Cidr>>("allowAddresses", AllowAddressesMeaning, Addresses, c => c.AllowAddresses, (c, v) => c with { AllowAddresses = v }),
            Except<MetadataAccess>(c => c.ExceptNetworks, (c, v) => c with { ExceptNetworks = v })),
        [nameof(HostAccess)] = Shape(
            new HostAccess(),
            Field<HostAccess, IReadOnlyList<Cidr>>("hostAddresses", "Only these addresses of the host are closed; all of them without it.", Addresses, c => c.HostAddresses, (c, v) => c with { HostAddresses = v }),
            Field<HostAccess, IReadOnlyList<PortSpec>>("allowPorts", AllowPortsMeaning, Ports, c => c.AllowPorts, (c, v) => c with { AllowPorts = v }),
            Field<HostAccess, IReadOnlyList<Cidr>>("allowAddresses", AllowAddressesMeaning, Addresses, c => c.AllowAddresses, (c, v) => c with { AllowAddresses = v }),
            Field<HostAccess, object>("allowPublishedPorts", "True keeps the ports that containers publish on the host open to containers.", PolicyType.Flag, c => c.AllowPublishedPorts, (c, v) => c with { AllowPublishedPorts = (bool)v }),
            Field<HostAccess, object>("dns", DnsMeaning, PolicyType.Flag, c => c.Dns, (c, v) => c with { Dns = (bool)v }),
            Except<HostAccess>(c => c.ExceptNetworks, (c, v) => c with { ExceptNetworks = v })),
        [nameof(InternalAccess)] = Shape(
            new InternalAccess(),
            Field<InternalAccess, IReadOnlyList<Cidr>>("ranges", "The ranges that are internal; RFC 1918, 100.64.0.0/10, 169.254.0.0/16, fc00::/7 and fe80::/10 without it. An IPv4 range includes the IPv6 addresses that lead there.", Addresses, c => c.Ranges, (c, v) => c with { Ranges = v }),
            Field<InternalAccess, IReadOnlyList<PortSpec>>("allowPorts", AllowPortsMeaning, Ports, c => c.AllowPorts, (c, v) => c with { AllowPorts = v }),
            Field<InternalAccess, IReadOnlyList<Cidr>>("allowAddresses", AllowAddressesMeaning, Addresses, c => c.AllowAddresses, (c, v) => c with { AllowAddresses = v }),
            Field<InternalAccess, object>("dns", DnsMeaning, PolicyType.Flag, c => c.Dns, (c, v) => c with { Dns = (bool)v }),
            Except<InternalAccess>(c => c.ExceptNetworks, (c, v) => c with { ExceptNetworks = v })),
        [nameof(SmtpRate)] = Shape(
            new SmtpRate(),
            Field<SmtpRate, object>("perMinute", "New connections a minute, on average.", PolicyType.Number(1, 10000), c => c.PerMinute, (c, v) => c with { PerMinute = (int)v }),
            Field<SmtpRate, object>("burst", "How many may come at once before the rate counts.", PolicyType.Number(1, 10000), c => c.Burst, (c, v) => c with { Burst = (int)v }),
            Field<SmtpRate, string>("ports", "The TCP ports of mail, with commas between them.", PolicyType.Text(text => PortList.Parse(text, "ports").ToString()), c => c.Ports, (c, v) => c with { Ports = v }),
            Field<SmtpRate, object>("perContainer", "True: each container has a rate of its own; else all share one.", PolicyType.Flag, c => c.PerContainer, (c, v) => c with { PerContainer = (bool)v }),
            Except<SmtpRate>(c => c.ExceptNetworks, (c, v) => c with { ExceptNetworks = v })),
    };

    /// <summary>A network.</summary>
    public static PolicyShape<HardenedNetwork> Network { get; } = new(
        () => new HardenedNetwork(),
        [
            new("name", "The network's name.", Name, n => n.Name, (n, v) => n with { Name = (string)v }, IsRequired: true),
            new("profile", "What the network is for; it decides the rules.", PolicyType.Choice<NetworkProfile>(), n => n.Profile, (n, v) => n with { Profile = (NetworkProfile)v }, IsRequired: true),
            new("bridge", "The bridge's interface name, at most 15 characters; made from the network's name without it.", Word, n => n.BridgeName, (n, v) => n with { BridgeName = (string)v }),
            new("subnets", "The subnets, one a family; Docker chooses without it.", Addresses, n => n.Subnets, (n, v) => n with { Subnets = (IReadOnlyList<Cidr>)v }),
            new("gateways", "The gateways, each within a subnet.", Addresses, n => n.Gateways, (n, v) => n with { Gateways = (IReadOnlyList<Cidr>)v }),
            new("enableIPv6", "True gives the network IPv6.", PolicyType.Flag, n => n.EnableIPv6, (n, v) => n with { EnableIPv6 = (bool)v }),
            new("disableIcc", "True keeps the network's containers from each other.", PolicyType.Flag, n => n.DisableIcc, (n, v) => n with { DisableIcc = (bool)v }),
            new("labels", "Labels beside the profile's own.", PolicyType.Map, n => n.Labels, (n, v) => n with { Labels = (IReadOnlyDictionary<string, string>)v }),
            new("options", "Options of Docker's bridge driver.", PolicyType.Map, n => n.Options, (n, v) => n with { Options = (IReadOnlyDictionary<string, string>)v }),
        ]);

    // What every control has: the network that it is bound to, how it answers, whether it logs.
    private static PolicyShape<Control> Shape<T>(T plain, params PolicyField<Control>[] own) where T : Control => new(
        () => plain,
        [
            new("network", "The Docker network that it is bound to; every container of the host without it.", Name, c => c.Network?.Name, (c, v) => c with { Network = new NetworkReference((string)v) }),
            .. own,
            new("action", "How a blocked packet is answered: with a refusal, or not at all.", PolicyType.Choice(RuleAction.Drop, RuleAction.Reject), c => c.Action, (c, v) => c with { Action = (RuleAction)v }),
            new("log", "True logs what is blocked, at most ten lines a minute.", PolicyType.Flag, c => c.Log, (c, v) => c with { Log = (bool)v }),
            new("reportOnly", "True blocks nothing and only counts and logs what would be blocked.", PolicyType.Flag, c => c.ReportOnly, (c, v) => c with { ReportOnly = (bool)v }),
        ]);

    private static PolicyField<Control> Except<T>(Func<T, IReadOnlyList<string>> get, Func<T, IReadOnlyList<string>, T> set) where T : Control =>
        Field("exceptNetworks", "Docker networks whose containers are excepted.", Names, get, set);

    private static PolicyField<Control> Field<T, TValue>(string name, string meaning, PolicyType type, Func<T, TValue?> get, Func<T, TValue, T> set) where T : Control where TValue : class =>
        new(name, meaning, type, control => get((T)control), (control, value) => set((T)control, (TValue)value));
}
