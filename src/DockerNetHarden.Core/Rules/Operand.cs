using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>
/// An interface, address or port in a rule: a literal, or the name of something that only a host knows. A symbolic operand has a colon and begins
/// with <c>network:</c>, <c>docker:</c> or <c>cloud:</c>; no interface name or address can look like that. It is resolved from a host's snapshot when the plan is made.
/// </summary>
public abstract partial record Operand
{
    private Operand()
    {
    }

    /// <summary>The text as it is.</summary>
    public sealed record Literal(string Value) : Operand
    {
        /// <inheritdoc/>
        public override string ToString() => Value;
    }

    /// <summary>
    /// <c>network:NAME</c>: the bridge of a Docker network as an interface, its subnets as addresses. <c>network:NAME@BRIDGE</c> names the bridge that the network will have if
    /// it is not there yet; it then has no subnets.
    /// </summary>
    public sealed record Network(string Name, string? Bridge = null) : Operand
    {
        /// <inheritdoc/>
        public override string ToString() => Bridge is null ? "network:" + Name : $"network:{Name}@{Bridge}";
    }

    /// <summary>One of the symbols that begin with <c>docker:</c>.</summary>
    public sealed record Docker(DockerSymbol Symbol) : Operand
    {
        /// <inheritdoc/>
        public override string ToString() => Symbols[(int)Symbol];
    }

    /// <summary>One of the symbols that begin with <c>cloud:</c>.</summary>
    public sealed record Cloud(CloudSymbol Symbol) : Operand
    {
        /// <inheritdoc/>
        public override string ToString() => CloudSymbols[(int)Symbol];
    }

    /// <summary>Whether only a host can resolve it.</summary>
    public bool IsSymbolic => this is not Literal;

    /// <summary>Whether what a rule says of an address, an interface or ports is literal: neither negated nor a symbol that only a host can resolve.</summary>
    internal static bool IsPlain(string? text) => text is null || (!text.StartsWith('!') && !Parse(text, nameof(Operand)).IsSymbolic);

    private static readonly string[] Symbols = ["docker:bridges", "docker:new-bridges", "docker:pools", "docker:resolvers", "docker:published"];
    private static readonly string[] CloudSymbols = ["cloud:metadata", "cloud:dhcp-server", "cloud:kept", "cloud:kept-without-dns", "cloud:host-ports"];

    /// <summary>Reads an operand; its <c>ToString()</c> is the inverse.</summary>
    /// <exception cref="RefusedValueException">The text looks symbolic but is not a known symbol, or its network's name is not possible.</exception>
    public static Operand Parse(string text, string part)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.StartsWith("network:", StringComparison.Ordinal))
        {
            var (name, at) = (text["network:".Length..], text.IndexOf('@', StringComparison.Ordinal));
            return at < 0 ? new Network(CheckNetworkName(name, part)) : new Network(CheckNetworkName(text["network:".Length..at], part), InterfaceName.Check(text[(at + 1)..], part));
        }
        if (!text.StartsWith("docker:", StringComparison.Ordinal) && !text.StartsWith("cloud:", StringComparison.Ordinal))
            return new Literal(text);
        return Array.IndexOf(Symbols, text) is >= 0 and var docker ? new Docker((DockerSymbol)docker)
            : Array.IndexOf(CloudSymbols, text) is >= 0 and var cloud ? new Cloud((CloudSymbol)cloud)
            : throw new RefusedValueException(part, text, $"the symbols are {string.Join(", ", Symbols.Concat(CloudSymbols))}, network:NAME and network:NAME@BRIDGE.");
    }

    /// <summary>Checks a Docker network's name. Source: Docker's own pattern for names.</summary>
    /// <exception cref="RefusedValueException">No network can have that name.</exception>
    public static string CheckNetworkName(string name, string part)
    {
        ArgumentNullException.ThrowIfNull(name);
        return NetworkNameProblem(name) is { } reason ? throw new RefusedValueException(part, name, reason) : name;
    }

    /// <summary>Why a rule cannot name a network of that name; null if it can. Engines let a network be called anything.</summary>
    internal static string? NetworkNameProblem(string name) => NamePattern().IsMatch(name) ? null
        : "a Docker network's name begins with a letter or a digit and goes on with letters, digits, '_', '.' and '-', at most 128 characters.";

    [GeneratedRegex(@"\A[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex NamePattern();
}

/// <summary>What the <c>docker:</c> operands stand for.</summary>
public enum DockerSymbol
{
    /// <summary><c>docker:bridges</c>: each bridge network of the host (docker0, user networks, docker_gwbridge); as addresses its subnets.</summary>
    Bridges,

    /// <summary><c>docker:new-bridges</c>: <c>br-+</c>, for networks made later; nothing if the host has another interface of that form.</summary>
    NewBridges,

    /// <summary><c>docker:pools</c>: the pools from which the engine takes subnets for new networks.</summary>
    Pools,

    /// <summary><c>docker:resolvers</c>: the DNS servers that containers ask.</summary>
    Resolvers,

    /// <summary><c>docker:published</c>: as a destination port, the ports that containers publish on the host.</summary>
    Published,
}

/// <summary>What the <c>cloud:</c> operands stand for: they depend on the cloud that a host is in. If that is not known, they mean all clouds.</summary>
public enum CloudSymbol
{
    /// <summary><c>cloud:metadata</c>: as a destination, the addresses of the cloud's metadata service; a rule that blocks them is for their ports, unless it names its own.</summary>
    Metadata,

    /// <summary><c>cloud:dhcp-server</c>: as a destination, the DHCP server of the host's network (CloudStack has its metadata there).</summary>
    DhcpServer,

    /// <summary><c>cloud:kept</c>: with the destination <c>cloud:metadata</c> and as a destination port, what else these addresses serve and containers need (DNS, NTP).</summary>
    Kept,

    /// <summary><c>cloud:kept-without-dns</c>: the same without DNS.</summary>
    KeptWithoutDns,

    /// <summary><c>cloud:host-ports</c>: as a destination port, the ports at which the host itself serves metadata (the ECS agent's introspection).</summary>
    HostPorts,
}
