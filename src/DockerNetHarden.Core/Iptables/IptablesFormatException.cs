using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Iptables;

/// <summary>
/// A line that iptables-save cannot have printed, or an output that ends too early. Nothing is guessed: a half-read rule set
/// would be planned on and verified against as if it were whole.
/// </summary>
/// <param name="lineNumber">The line, counted from 1; the last line if the output ends too early.</param>
/// <param name="lineText">The line without its line end.</param>
/// <param name="reason">What is wrong with it and what to do, as whole sentences.</param>
/// <param name="inner">What was thrown while the line was read.</param>
public sealed class IptablesFormatException(int lineNumber, string lineText, string reason, Exception? inner = null)
    : FormatException(Compose(lineNumber, lineText, reason), inner)
{
    /// <summary>The line, counted from 1.</summary>
    public int LineNumber { get; } = lineNumber;

    /// <summary>The whole line without its line end.</summary>
    public string LineText { get; } = lineText;

    /// <summary>What is wrong with the line, and what to do.</summary>
    public string Reason { get; } = reason;

    // A line may hold kilobytes (BPF byte code). The message stays readable; LineText holds the whole line.
    private static string Compose(int number, string text, string reason) => ShownText.Message(string.Create(
        CultureInfo.InvariantCulture, $"Line {number} of the iptables-save output cannot be read: {reason} The line: '{ShownText.Value(text)}'"));
}
