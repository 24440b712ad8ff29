namespace DockerNetHarden.Shells;

/// <summary>A program for a POSIX sh. Only <c>ShellProgram</c> makes one.</summary>
/// <param name="Text">The program, UTF-8 without BOM, line ends <c>\n</c>.</param>
/// <param name="Nonce">The 128-bit nonce, hexadecimal, that frames its sections.</param>
/// <param name="Timeout">How long it may take.</param>
public sealed record ShellScript(string Text, string Nonce, TimeSpan Timeout)
{
    /// <summary>Whether it changes the host: once it was sent, only its time ends it, so that what it began is finished and reported. Nothing of it runs before all of it is there.</summary>
    public bool Changes { get; init; }

    /// <summary>Its sections in their order, and whether each always comes: a reply has these and no other.</summary>
    internal IReadOnlyList<(string Name, bool Always)> Sections { get; init; } = [];
}

/// <summary>One framed part of what a program printed.</summary>
/// <param name="Name">The section's name.</param>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Its standard output, raw.</param>
/// <param name="Errors">Its standard error.</param>
public sealed record ShellSection(string Name, int ExitCode, ReadOnlyMemory<byte> Output, string Errors)
{
    /// <summary>The standard output as UTF-8 text; invalid bytes are replaced.</summary>
    public string Text => System.Text.Encoding.UTF8.GetString(Output.Span);
}

/// <summary>All sections of one program's reply.</summary>
public sealed record ShellReply(IReadOnlyList<ShellSection> Sections)
{
    /// <summary>The section of a name; null if the program left it out.</summary>
    public ShellSection? Find(string name) => Sections.FirstOrDefault(section => string.Equals(section.Name, name, StringComparison.Ordinal));
}

/// <summary>One conversation with one host's sh: the only seam between this library and a host.</summary>
public interface IShell : IAsyncDisposable
{
    /// <summary>The host as the user named it; <c>localhost</c> for this one.</summary>
    string HostName { get; }

    /// <summary>Runs a program in the conversation and returns its sections.</summary>
    /// <param name="script">The program.</param>
    /// <param name="stop">Ends the program; one that <see cref="ShellScript.Changes"/> the host only until it was sent.</param>
    /// <returns>The reply.</returns>
    /// <exception cref="HostException">The shell could not be started, ended early, or did not answer in time.</exception>
    Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop);
}
