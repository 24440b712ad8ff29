using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace DockerNetHarden.Addresses;

/// <summary>
/// An address prefix, read the same way on every runtime: no host bits, no leading zeros, no zone, no shorthand. A single address is a prefix of full length.
/// Text form: RFC 4632 for IPv4, RFC 4291 and RFC 5952 for IPv6.
/// </summary>
/// <remarks>
/// IPAddress.Parse and IPNetwork.Parse are banned in this project: they differ between .NET 8 and .NET 10 (octal octets, masked host bits, zones),
/// and a firewall rule must not depend on the runtime.
/// </remarks>
public readonly record struct Cidr : IComparable<Cidr>
{
    private Cidr(UInt128 bits, int length, Family family) => (Bits, Length, Family) = (bits, length, family);

    /// <summary>The network address as a number (IPv4: the low 32 bits).</summary>
    public UInt128 Bits { get; }

    /// <summary>The prefix length in bits: 0 to 32, or 0 to 128.</summary>
    public int Length { get; }

    /// <summary>The family.</summary>
    public Family Family { get; }

    /// <summary>Whether the prefix is one single address.</summary>
    public bool IsSingleAddress => Length == Width(Family);

    /// <summary>The last address of the prefix, as a number.</summary>
    public UInt128 Last => Bits | HostMask(Length, Family);

    /// <summary>Whether the address is a loopback address (127.0.0.0/8, ::1).</summary>
    public bool IsLoopback => Family == Family.IPv4 ? Bits >> 24 == 127 : Bits == UInt128.One;

    /// <summary>Whether every address of <paramref name="other"/> lies in this prefix.</summary>
    public bool Contains(Cidr other) => Family == other.Family && Length <= other.Length && (other.Bits & ~HostMask(Length, Family)) == Bits;

    /// <summary>Whether the two prefixes have an address in common.</summary>
    public bool Overlaps(Cidr other) => Contains(other) || other.Contains(this);

    /// <summary>The prefix of this length that contains this one. The host bits are cut off on purpose.</summary>
    public Cidr Truncate(int length)
    {
        if (length < 0 || length > Length)
            throw new ArgumentOutOfRangeException(nameof(length), length, $"A prefix of length {Length} cannot be truncated to {length}.");
        return new Cidr(Bits & ~HostMask(length, Family), length, Family);
    }

    /// <summary>The fewest prefixes that hold exactly the same addresses: a prefix inside another is left out, and two halves become one.</summary>
    public static IReadOnlyList<Cidr> Aggregate(IEnumerable<Cidr> prefixes)
    {
        ArgumentNullException.ThrowIfNull(prefixes);
        var result = new List<Cidr>();
        foreach (var prefix in prefixes.Distinct().Order())
        {
            if (result.Count > 0 && result[^1].Contains(prefix))
                continue;
            result.Add(prefix);
            while (result.Count > 1 && result[^1].Length > 0 && result[^1].Length == result[^2].Length && result[^2].Truncate(result[^2].Length - 1).Contains(result[^1]))
            {
                var whole = result[^2].Truncate(result[^2].Length - 1);
                result.RemoveRange(result.Count - 2, 2);
                result.Add(whole);
            }
        }
        return result;
    }

    /// <summary>Reads <c>10.0.0.0/8</c>, <c>169.254.169.254</c>, <c>fd00:ec2::254</c>.</summary>
    /// <exception cref="FormatException">The text is not a prefix. The message names it, the reason and what was probably meant.</exception>
    public static Cidr Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var error = Read(text, out var value);
        return error is null ? value : throw new FormatException(ShownText.Message($"'{text}' is not an address or a prefix in CIDR notation: {error}"));
    }

    /// <summary>Reads a prefix; false if the text is not one.</summary>
    public static bool TryParse(string? text, out Cidr value)
    {
        value = default;
        return text is not null && Read(text, out value) is null;
    }

    /// <summary>The prefix of this length that begins at this number (IPv4: of the low 32 bits).</summary>
    internal static Cidr From(Family family, UInt128 bits, int length) => new(bits & ~HostMask(length, family), length, family);

    /// <summary>The single address, as a prefix of full length.</summary>
    public static Cidr From(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        var bits = UInt128.Zero;
        foreach (var octet in address.GetAddressBytes())
            bits = (bits << 8) | octet;
        var family = address.AddressFamily == AddressFamily.InterNetwork ? Family.IPv4 : Family.IPv6;
        return new Cidr(bits, Width(family), family);
    }

    /// <summary>Orders by family, then by address, then the wider prefix first.</summary>
    public int CompareTo(Cidr other) =>
        Family != other.Family ? Family.CompareTo(other.Family)
        : Bits != other.Bits ? Bits.CompareTo(other.Bits)
        : Length.CompareTo(other.Length);

    /// <summary>The address alone, in the form that iptables, nft and ip print: that of glibc's inet_ntop. IPAddress writes more of IPv6 with dots (fe80::5efe:10.0.0.1).</summary>
    public string Address => Family == Family.IPv4 ? Dotted((uint)Bits) : IPv6Text();

    /// <summary>The canonical text: always with its length, as iptables-save prints it (<c>169.254.169.254/32</c>).</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address}/{Length}");

    /// <summary>The text as a person writes it: without the length if it is a full one.</summary>
    public string ToShortString() => IsSingleAddress ? Address : ToString();

    /// <summary>The number of bits of an address of a family.</summary>
    public static int Width(Family family) => family == Family.IPv4 ? 32 : 128;

    private static string Dotted(uint bits) => string.Create(CultureInfo.InvariantCulture, $"{bits >> 24}.{(bits >> 16) & 255}.{(bits >> 8) & 255}.{bits & 255}");

    // '::' stands for the first of the longest runs of at least two zeros; with six zeros in front, or five and ffff, the rest is written as an IPv4 address.
    private string IPv6Text()
    {
        var (start, zeros) = (-1, 1);
        for (int i = 0, run = 0; i < 8; i++)
        {
            run = Group(i) == 0 ? run + 1 : 0;
            if (run > zeros)
                (start, zeros) = (i - run + 1, run);
        }
        if (start == 0 && (zeros == 6 || (zeros == 5 && Group(5) == 0xffff)))
            return (zeros == 6 ? "::" : "::ffff:") + Dotted((uint)(Bits & uint.MaxValue));
        // A list can have tens of thousands of addresses.
        Span<char> text = stackalloc char[39];
        var length = 0;
        for (var i = 0; i < 8; i++)
        {
            if (i == start)
            {
                "::".CopyTo(text[length..]);
                (length, i) = (length + 2, i + zeros - 1);
                continue;
            }
            if (length > 0 && text[length - 1] != ':')
                text[length++] = ':';
            _ = Group(i).TryFormat(text[length..], out var written, "x", CultureInfo.InvariantCulture);
            length += written;
        }
        return text[..length].ToString();
    }

    private ushort Group(int index) => (ushort)(Bits >> (112 - (16 * index)));

    private static UInt128 HostMask(int length, Family family)
    {
        var width = Width(family);
        return length == 0 && width == 128 ? UInt128.MaxValue : (UInt128.One << (width - length)) - 1;
    }

    // Returns why the text is not a prefix, or null if it is one.
    private static string? Read(string text, out Cidr value)
    {
        value = default;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var address = slash < 0 ? text : text[..slash];
        if (address.Length == 0)
            return "the address is empty.";
        if (address.Contains('%', StringComparison.Ordinal))
            return "a zone (%) cannot be part of a rule; match the interface instead.";

        var family = address.Contains(':', StringComparison.Ordinal) ? Family.IPv6 : Family.IPv4;
        UInt128 bits;
        var error = family == Family.IPv4 ? ReadIPv4(address, out bits) : ReadIPv6(address, out bits);
        if (error is not null)
            return error;

        var length = Width(family);
        if (slash >= 0 && !TryReadNumber(text.AsSpan(slash + 1), 3, Width(family), out length))
            return $"the length '{text[(slash + 1)..]}' is not a whole number from 0 to {Width(family)}.";

        var mask = HostMask(length, family);
        value = new Cidr(bits & ~mask, length, family);
        if ((bits & mask) != 0)
        {
            var meant = value;
            value = default;
            return $"it has host bits set beyond its length; did you mean {meant} or the single address {address}?";
        }
        return null;
    }

    private static string? ReadIPv4(string text, out UInt128 bits)
    {
        bits = 0;
        var parts = text.Split('.');
        if (parts.Length != 4)
            return "an IPv4 address has four numbers with dots between them.";
        foreach (var part in parts)
        {
            if (part.Length > 1 && part[0] == '0')
                return $"'{part}' has a leading zero, which some programs read as octal; write {part.TrimStart('0').PadLeft(1, '0')}.";
            if (!TryReadNumber(part, 3, 255, out var octet))
                return $"'{part}' is not a whole number from 0 to 255.";
            bits = (bits << 8) | (uint)octet;
        }
        return null;
    }

    private static string? ReadIPv6(string text, out UInt128 bits)
    {
        const string Form = "an IPv6 address has eight groups of one to four hexadecimal digits, or '::' once in their place; the last two may be an IPv4 address.";
        bits = 0;
        // RFC 4291, 2.2, form 3: iptables-save and nft print ::9f56:1 as ::159.86.0.1.
        if (text.Contains('.', StringComparison.Ordinal))
        {
            var last = text.LastIndexOf(':') + 1;
            if (ReadIPv4(text[last..], out var four) is { } error)
                return error;
            text = string.Create(CultureInfo.InvariantCulture, $"{text[..last]}{(ushort)(four >> 16):x}:{(ushort)four:x}");
        }
        var gap = text.IndexOf("::", StringComparison.Ordinal);
        if (gap < 0)
            return TryReadGroups(text, out bits) == 8 ? null : Form;
        if (text.IndexOf("::", gap + 1, StringComparison.Ordinal) >= 0)
            return Form;
        var (head, tail) = (TryReadGroups(text.AsSpan(0, gap), out var high), TryReadGroups(text.AsSpan(gap + 2), out var low));
        if (head < 0 || tail < 0 || head + tail > 7)
            return Form;
        bits = (head == 0 ? UInt128.Zero : high << (128 - (16 * head))) | low;
        return null;
    }

    // How many groups there are; -1 if it is not groups.
    private static int TryReadGroups(ReadOnlySpan<char> text, out UInt128 bits)
    {
        bits = 0;
        if (text.IsEmpty)
            return 0;
        for (var count = 1; ; count++)
        {
            var end = text.IndexOf(':');
            if (count > 8 || !TryReadGroup(end < 0 ? text : text[..end], out var number))
                return -1;
            bits = (bits << 16) | number;
            if (end < 0)
                return count;
            text = text[(end + 1)..];
        }
    }

    private static bool TryReadGroup(ReadOnlySpan<char> text, out ushort value)
    {
        value = 0;
        return text.Length is >= 1 and <= 4 && ushort.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    private static bool TryReadNumber(ReadOnlySpan<char> text, int digits, int most, out int value)
    {
        value = 0;
        if (text.Length == 0 || text.Length > digits || (text.Length > 1 && text[0] == '0'))
            return false;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= most;
    }
}
