using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>Exceptions for ports, for addresses, or for ports at addresses.</summary>
internal static class AllowList
{
    /// <summary>Ports alone are open at every address; addresses alone are open on every port; with both, these ports are open at these addresses.</summary>
    public static void Except(RuleList list, RuleSpec scope, IReadOnlyList<PortSpec> ports, IReadOnlyList<Cidr> addresses, Family family)
    {
        var ofFamily = addresses.Where(address => address.Family == family).Select(address => (string?)address.ToString()).ToList();
        if (addresses.Count > 0 && ofFamily.Count == 0)
            return;
        foreach (var address in addresses.Count == 0 ? [null] : ofFamily)
        {
            var match = scope with { Destination = address };
            if (ports.Count == 0 && address is not null)
                list.Except(match);
            foreach (var (protocol, joined) in PortSpec.Joined(ports))
                list.Except(match with { Protocol = protocol, DestinationPort = joined });
        }
    }
}
