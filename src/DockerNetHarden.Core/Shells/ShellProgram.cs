using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace DockerNetHarden.Shells;

/// <summary>
/// Makes a <see cref="ShellScript"/>: one function of POSIX sh (IEEE 1003.1, XCU 2), called on the program's last line. Code is constants
/// of this
/// project; everything from outside is data in quoted here-documents with a random delimiter, where a shell expands nothing.
/// </summary>
/// <remarks>
/// A shell reads its input as it comes. A function runs only after all of it was read, so a program that a dying connection cut off does
/// nothing; a bare here-document would run with whatever arrived. The call's standard input is <c>/dev/null</c>, so that no command
/// can swallow the programs that follow on the same stream.
/// </remarks>
public sealed class ShellProgram
{
    // sudo's "-n" never asks: a prompt would hang a conversation that nobody sees. $S is split into words on purpose.
    // Daemons and non-interactive ssh sessions often have no sbin in their PATH. An unset PATH must not become ":/sbin", which names the
    // current folder.
    // Each process costs the host time, so the shell does what it can by itself: its effective user id is the second number after Uid: (proc(5)).
    // Held output is sent with the frame of the next section: over ssh each write is a packet of its own.
    // cat handles any value but costs a process; the shell itself reads a short value of one line, byte by byte.
    // dnh_find puts the path of a command into V without the process that $(command -v) would take.
    private const string Preamble = """
        LC_ALL=C
        export LC_ALL
        PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
        export PATH
        umask 077
        S= dnh_uid=
        { while read -r k u v w; do case $k in Uid:) dnh_uid=$v; break ;; esac; done </proc/self/status; } 2>/dev/null
        [ -n "$dnh_uid" ] || dnh_uid=$(id -u)
        [ "$dnh_uid" = 0 ] || S='sudo -n'
        dnh_out= dnh_err=
        dnh_frame() { printf '%s\n@%s %s\n' "$dnh_out" "$dnh_nonce" "$1"; printf '%s\n@%s %s\n' "$dnh_err" "$dnh_nonce" "$1" >&2; dnh_out= dnh_err=; }
        dnh_hold() {
        dnh_out="$dnh_out
        @$dnh_nonce $1
        "
        dnh_err="$dnh_err
        @$dnh_nonce $1
        "
        }
        dnh_get() { V=$(cat; printf x); V=${V%?x}; }
        dnh_find() {
        V=
        IFS=:; set -f
        for d in $PATH; do if [ -f "$d/$1" ] && [ -x "$d/$1" ]; then V=$d/$1; break; fi; done
        unset IFS; set +f
        }

        """;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<(string Text, bool IsData)> parts = [];
    private readonly List<(string Name, bool Always)> sections = [];
    private bool isBeside;

    /// <summary>Adds code outside any section: state for later conditions.</summary>
    /// <param name="code">A constant of this project, in sh.</param>
    /// <returns>This program.</returns>
    public ShellProgram Do([ConstantExpected] string code)
    {
        ArgumentException.ThrowIfNullOrEmpty(code);
        return Code(code + "\n");
    }

    /// <summary>
    /// Runs code beside everything that is added after it. What the code prints comes out of file descriptor 8, from which a later section must read it to its end; its errors are lost.
    /// Everything after it may run in a subshell. A program has one such code at most.
    /// </summary>
    /// <param name="code">A constant of this project, in sh; it must not exit.</param>
    /// <param name="input">The standard input, ended by a newline if it is not.</param>
    /// <returns>This program.</returns>
    /// <exception cref="InvalidOperationException">The program has such code already.</exception>
    public ShellProgram Beside([ConstantExpected] string code, string input)
    {
        ArgumentException.ThrowIfNullOrEmpty(code);
        ArgumentNullException.ThrowIfNull(input);
        if (isBeside)
            throw new InvalidOperationException("The program already runs code beside its sections.");
        isBeside = true;
        // A pipe, because it needs no file on the host. The sections must not read it by accident.
        return Code("{\n{\n").Code(code).Code("\n} ").Data(input.EndsWith('\n') ? input : input + "\n").Code("} 2>/dev/null | {\n{\n");
    }

    /// <summary>
    /// Adds a section: its code runs in a subshell, and its output, errors and exit code come back under its name.
    /// Its data are <c>$1</c>, <c>$2</c> ... of the code (and of <paramref name="when"/> and <paramref name="then"/>).
    /// </summary>
    /// <param name="name">The section's name: lower-case letters, digits and hyphens.</param>
    /// <param name="code">A constant of this project, in sh. <c>$S</c> before a command is <c>sudo -n</c> if the user is not
    /// root.</param>
    /// <param name="data">The arguments, carried byte for byte. A NUL cannot be carried.</param>
    /// <param name="input">The standard input, ended by a newline if it is not; <c>/dev/null</c> if null.</param>
    /// <param name="when">A constant condition; if it fails there is no section.</param>
    /// <param name="then">Constant code that runs after the section, outside its subshell; <c>$dnh_rc</c> is the section's exit
    /// code.</param>
    /// <param name="subshell">Whether the code runs in its own process. If not, it must not exit, and its variables stay set.</param>
    /// <returns>This program.</returns>
    /// <exception cref="ArgumentException">The name has other characters, or data or input has a NUL or a lone surrogate.</exception>
    public ShellProgram Section(
        string name,
        [ConstantExpected] string code,
        IReadOnlyList<string>? data = null,
        string? input = null,
        [ConstantExpected] string? when = null,
        [ConstantExpected] string? then = null,
        bool subshell = true)
    {
        ThrowIfNoName(name);
        ArgumentException.ThrowIfNullOrEmpty(code);
        sections.Add((name, when is null));

        Code("set --\n");
        foreach (var value in data ?? [])
            Code(value.Length > 250 || value.Contains('\n', StringComparison.Ordinal) ? "dnh_get " : "IFS= read -r V ").Data(value + "\n").Code("set -- \"$@\" \"$V\"\n");
        if (when is not null)
            Code("if ").Code(when).Code("\nthen\n");
        Code("dnh_frame 'begin ").Code(name).Code(subshell ? "'\n(\n" : "'\n{\n").Code(code).Code(subshell ? "\n)" : "\n}");
        if (input is null)
            Code("\n");
        else
            Code(" ").Data(input.EndsWith('\n') ? input : input + "\n");
        Code("dnh_rc=$?\ndnh_hold \"end ").Code(name).Code(" $dnh_rc\"\n");
        if (then is not null)
            Code(then).Code("\n");
        if (when is not null)
            Code("fi\n");
        return this;
    }

    /// <summary>Adds a section of something the shell knows by itself: code that puts it into <c>$V</c>, without a process. It is sent with the next frame.</summary>
    /// <param name="name">The section's name, as in <see cref="Section"/>.</param>
    /// <param name="code">A constant of this project, in sh; it must not exit or write anything.</param>
    /// <param name="when">A constant condition; if it fails there is no section.</param>
    /// <returns>This program.</returns>
    /// <exception cref="ArgumentException">The name has other characters.</exception>
    public ShellProgram Note(string name, [ConstantExpected] string code, [ConstantExpected] string? when = null)
    {
        ThrowIfNoName(name);
        ArgumentException.ThrowIfNullOrEmpty(code);
        sections.Add((name, when is null));
        if (when is not null)
            Code("if ").Code(when).Code("\nthen\n");
        Code("V=\n").Code(code).Code("\ndnh_hold 'begin ").Code(name).Code("'\ndnh_out=$dnh_out$V\ndnh_hold 'end ").Code(name).Code(" 0'\n");
        if (when is not null)
            Code("fi\n");
        return this;
    }

    /// <summary>Makes the program. Nonce and delimiter are new each time: 128 bits that the data, given before, cannot contain.</summary>
    /// <param name="timeout">How long it may take.</param>
    /// <param name="changes">Whether it changes the host: see <see cref="ShellScript.Changes"/>.</param>
    /// <returns>The program.</returns>
    public ShellScript Build(TimeSpan timeout, bool changes = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        var nonce = Random();
        var delimiter = Random();
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"dnh_{nonce}() {{\ndnh_nonce={nonce}\n").Append(Preamble.ReplaceLineEndings("\n"));
        foreach (var (part, isData) in parts)
        {
            if (isData)
                text.Append(CultureInfo.InvariantCulture, $"<<'{delimiter}'\n").Append(part).Append(delimiter).Append('\n');
            else
                text.Append(part);
        }
        // A compound command, so that no prefix of the last line is a command: `fn </dev/null` cut after its name would run with the
        // conversation as its input.
        text.Append(CultureInfo.InvariantCulture, $"dnh_frame done\n{(isBeside ? "} 8<&0 </dev/null\n}\n" : "")}}}\nif :; then dnh_{nonce} </dev/null; fi\n");
        return new ShellScript(text.ToString(), nonce, timeout) { Changes = changes, Sections = [.. sections] };
    }

    private static string Random() => Convert.ToHexString(RandomNumberGenerator.GetBytes(16)).ToLowerInvariant();

    private static void ThrowIfNoName(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Any(static c => c is not ((>= 'a' and <= 'z') or (>= '0' and <= '9') or '-')))
            throw new ArgumentException($"'{name}' is not a section name: a frame can only hold lower-case letters, digits and hyphens.", nameof(name));
    }

    private ShellProgram Code(string text)
    {
        parts.Add((text.ReplaceLineEndings("\n"), false));
        return this;
    }

    private ShellProgram Data(string text)
    {
        var nul = text.IndexOf('\0', StringComparison.Ordinal);
        if (nul >= 0)
            throw new ArgumentException($"The value has a NUL at position {nul}, which no shell can carry; remove it.", nameof(text));
        try
        {
            _ = Strict.GetByteCount(text);
        }
        catch (EncoderFallbackException error)
        {
            throw new ArgumentException("The value has half a surrogate pair, which UTF-8 cannot carry; remove it.", nameof(text), error);
        }
        parts.Add((text, true));
        return this;
    }
}
