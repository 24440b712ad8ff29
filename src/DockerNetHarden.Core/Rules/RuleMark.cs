using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>
/// Says whose rule a line is: control, subject, network. It is in the line's comment, <c>DockerNetHarden:MetadataAccess/aws:web</c>, optionally with a note
/// after a space. What is applied with a mark replaces everything with the same mark; all other marks stay.
/// </summary>
public sealed partial record RuleMark
{
    /// <summary>The first word of the comment of every line of ours; alone it is the comment of a jump.</summary>
    public const string Owner = "DockerNetHarden";

    private const string ProfilePrefix = "profile=";

    /// <summary>The controls, by the names that marks use.</summary>
    public static IReadOnlyList<string> Controls { get; } = ["MetadataAccess", "HostAccess", "InternalAccess", "SmtpRate", "Custom"];

    /// <summary>The profiles of networks, by the names that comments use.</summary>
    internal static IReadOnlyList<string> Profiles { get; } = ["Default", "MetadataAccess", "ExternalOnly", "Isolated"];

    /// <summary>Makes a mark.</summary>
    /// <exception cref="RefusedValueException">A part is not valid in a mark.</exception>
    public RuleMark(string control, string? subject = null, string? network = null)
    {
        if (!Controls.Contains(control, StringComparer.Ordinal))
            throw new RefusedValueException("Control", control, $"the controls are {string.Join(", ", Controls)}.");
        if (subject is not null && !SubjectPattern().IsMatch(subject))
            throw new RefusedValueException("Subject", subject, "a subject has 1 to 60 letters, digits and '_', '.', ',', '+', '-'.");
        Control = control;
        Subject = subject;
        Network = network is null ? null : Operand.CheckNetworkName(network, "Network");
    }

    /// <summary>The control: <c>MetadataAccess</c>, <c>HostAccess</c>, <c>InternalAccess</c>, <c>SmtpRate</c> or <c>Custom</c>.</summary>
    public string Control { get; }

    /// <summary>Which one of a control: a provider, a port set, a name; null if the control needs none.</summary>
    public string? Subject { get; }

    /// <summary>The network to which it is bound; null if it is for the whole host.</summary>
    public string? Network { get; }

    /// <summary>The text after the owner: <c>MetadataAccess/aws:web</c>.</summary>
    public override string ToString() =>
        Control + (Subject is null ? "" : "/" + Subject) + (Network is null ? "" : ":" + Network);

    /// <summary>The whole comment.</summary>
    /// <param name="note">A person's own words, put after the mark.</param>
    public string ToComment(string? note = null) => $"{Owner}:{this}{(note is null ? "" : " " + note)}";

    /// <summary>The note that keeps a network's profile in the comments of its rules; for networks that were not made with the profile's label, which cannot be added later.</summary>
    internal static string ProfileNote(string profile) => ProfilePrefix + profile;

    /// <summary>The profile of its network that a note after this mark keeps; null if the note is a person's own words.</summary>
    internal string? ProfileIn(string? note) =>
        Network is not null && Control is not "Custom" && note?.StartsWith(ProfilePrefix, StringComparison.Ordinal) == true && Profiles.Contains(note[ProfilePrefix.Length..], StringComparer.Ordinal) ? note[ProfilePrefix.Length..] : null;

    /// <summary>Reads a line's comment; false if the line is not ours.</summary>
    public static bool TryParse(string? comment, out RuleMark? mark, out string? note)
    {
        (mark, note) = (null, null);
        if (comment is null || MarkPattern().Match(comment) is not { Success: true } match)
            return false;
        mark = new RuleMark(match.Groups["control"].Value, Value(match, "subject"), Value(match, "network"));
        note = Value(match, "note");
        return true;
    }

    /// <summary>Reads <c>MetadataAccess/aws:web</c>, as <see cref="ToString"/> writes it.</summary>
    public static bool TryParse(string? text, out RuleMark? mark)
    {
        var read = TryParse($"{Owner}:{text}", out mark, out var note);
        return read && note is null;
    }

    private static string? Value(Match match, string group) => match.Groups[group].Success ? match.Groups[group].Value : null;

    [GeneratedRegex(@"\A[A-Za-z0-9_.,+-]{1,60}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex SubjectPattern();

    [GeneratedRegex(
        @"\ADockerNetHarden:(?<control>MetadataAccess|HostAccess|InternalAccess|SmtpRate|Custom)(/(?<subject>[A-Za-z0-9_.,+-]{1,60}))?(:(?<network>[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}))?( (?<note>.+))?\z",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant | RegexOptions.Singleline, 1000)]
    private static partial Regex MarkPattern();
}
