namespace DockerNetHarden.Lab.Demo;

/// <summary>Colours if the terminal has them (and NO_COLOR is unset, https://no-color.org), otherwise plain text.</summary>
internal sealed class Style(bool colours)
{
    public static Style Detect() => new(
        !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } and not "dumb");

    public string Heading(string text) => Paint("1", text);

    public string Good(string text) => Paint("32", text);

    public string Bad(string text) => Paint("31", text);

    public string Quiet(string text) => Paint("2", text);

    private string Paint(string code, string text) => colours ? $"\e[{code}m{text}\e[0m" : text;
}
