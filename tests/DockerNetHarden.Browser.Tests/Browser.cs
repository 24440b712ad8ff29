using System.Runtime.CompilerServices;
using Microsoft.Playwright;

// One browser at a time: some tests measure time, and a machine with two cores has no more to give.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace DockerNetHarden.Browser.Tests;

/// <summary>A test that needs Chromium. Elsewhere it is skipped, and its name says why.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute([CallerMemberName] string test = "")
    {
        if (Chromium.WhyMissing is { } reason)
            (DisplayName, Skip) = ($"{test} [skipped: {reason}]", reason);
    }
}

/// <summary>The same with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BrowserTheoryAttribute : TheoryAttribute
{
    public BrowserTheoryAttribute([CallerMemberName] string test = "")
    {
        if (Chromium.WhyMissing is { } reason)
            (DisplayName, Skip) = ($"{test} [skipped: {reason}]", reason);
    }
}

/// <summary>The machine's Chromium.</summary>
internal static class Chromium
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    /// <summary>Its path; null if there is none. <c>DNH_CHROMIUM</c> names another one.</summary>
    public static string? Path { get; } = Environment.GetEnvironmentVariable("DNH_CHROMIUM") is { Length: > 0 } named ? named
        : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).SelectMany(folder => Names.Select(name => System.IO.Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    public static string? WhyMissing { get; } = Path is null ? "There is no Chromium on the PATH: install it (Debian: chromium), or name one in DNH_CHROMIUM." : null;
}

/// <summary>One browser for all tests of a class, and pages that note whatever they do beyond showing themselves.</summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dnh-browser").FullName;
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private int _files;

    public async Task InitializeAsync()
    {
        if (Chromium.Path is null)
            return;
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = Chromium.Path, Headless = true, Args = ["--disable-gpu", "--disable-dev-shm-usage"] });
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Opens a page as somebody who has the file does.</summary>
    public async Task<OpenPage> OpenAsync(byte[] html, int width = 1280, int height = 900, ColorScheme scheme = ColorScheme.Light)
    {
        var path = Path.Combine(_folder, FormattableString.Invariant($"{Interlocked.Increment(ref _files)}.html"));
        await File.WriteAllBytesAsync(path, html);
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = height }, ColorScheme = scheme });
        context.SetDefaultTimeout(10_000);
        var page = await context.NewPageAsync();
        var open = new OpenPage(context, page);
        await page.GotoAsync(new Uri(path).AbsoluteUri);
        return open;
    }
}

/// <summary>A page, and what it did: none of that may happen.</summary>
public sealed class OpenPage : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _requests = [];

    internal OpenPage(IBrowserContext context, IPage page)
    {
        (_context, Page) = (context, page);
        page.Console += (_, message) => Complaints.Add($"{message.Type}: {message.Text}");
        page.PageError += (_, error) => Complaints.Add(error);
        page.Dialog += (_, dialog) =>
        {
            Complaints.Add($"A dialog: {dialog.Message}");
            _ = dialog.DismissAsync();
        };
        context.Request += (_, request) => _requests.Add(request.Url);
    }

    public IPage Page { get; }

    public List<string> Complaints { get; } = [];

    /// <summary>The requests beyond that for the page itself.</summary>
    public IEnumerable<string> Requests => _requests.Skip(1);

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();
}
