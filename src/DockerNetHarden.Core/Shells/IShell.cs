namespace DockerNetHarden.Shells;

/// <summary>A program for a POSIX sh. Only <c>ShellProgram</c> makes one.</summary>
/// <param name="Text">The program, UTF-8 without BOM, line ends <c>\n</c>.</param>
/// <param name="Nonce">The 128-bit nonce, hexadecimal, that frames its sections.</param>
/// <param name="Timeout">How long it may take.</param>
public sealed record ShellScript(string Text, string Nonce, TimeSpan Timeout);

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
    /// <exception cref="HostException">The shell could not be started, ended early, or did not answer in time.</exception>
    Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop);
}
