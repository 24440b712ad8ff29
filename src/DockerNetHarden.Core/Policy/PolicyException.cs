using DockerNetHarden.Addresses;

namespace DockerNetHarden.Policy;

/// <summary>A policy file was refused: the message names the file, the line, the place in the JSON, the reason and the way out. Nothing was applied.</summary>
public sealed class PolicyException : FormatException
{
    internal PolicyException(string source, int line, string path, string reason, Exception? inner = null)
        : base(ShownText.Message($"{source}, line {line}{(path.Length == 0 ? "" : $", {ShownText.Value(path)}")}: {reason}"), inner) =>
        (File, Line, Path, Reason) = (source, line, path, reason);

    /// <summary>The file, as the caller named it.</summary>
    public string File { get; }

    /// <summary>The line, from 1.</summary>
    public int Line { get; }

    /// <summary>The place, for example <c>controls[1].perMinute</c>; empty for the file as a whole.</summary>
    public string Path { get; }

    /// <summary>The reason and the way out.</summary>
    public string Reason { get; }
}
