using System.Text;
using Xunit.Abstractions;

namespace DockerNetHarden.Lab.Tests;

/// <summary>One lab for all tests of a collection. A test that writes rules removes them with <see cref="ResetRulesAsync"/> or leaves none.</summary>
public abstract class LabFixture(TestedEngine engine) : IAsyncLifetime
{
    private LabHost? lab;
    private Task<LabSsh>? ssh;

    public LabHost Lab => lab ?? throw new InvalidOperationException("The lab was not raised: " + engine.WhyUnavailable());

    public TestedEngine Engine => engine;

    /// <summary>The host's sshd, started when it is first asked for.</summary>
    public Task<LabSsh> SshAsync() => ssh ??= Lab.StartSshAsync();

    public async Task InitializeAsync()
    {
        if (engine.WhyUnavailable() is not null)
            return;
        lab = await LabHost.RaiseAsync(Options);
        await PrepareAsync(lab);
    }

    /// <summary>What the lab should be like.</summary>
    protected virtual LabOptions Options => engine.Options;

    /// <summary>What every test finds in the lab.</summary>
    protected virtual Task PrepareAsync(LabHost raised) => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (lab is not null)
            await lab.DisposeAsync();
    }

    /// <summary>The tables of both families as Docker left them; give it to <see cref="ResetRulesAsync"/>.</summary>
    public async Task<(string V4, string V6)> SaveRulesAsync() => (await SaveAsync(Lab.Iptables), await SaveAsync(Ip6tables));

    /// <summary>Restores whole tables: what was added since is gone.</summary>
    public async Task ResetRulesAsync((string V4, string V6) saved)
    {
        foreach (var (program, text) in ((string, string)[])[(Lab.Iptables, saved.V4), (Ip6tables, saved.V6)])
            (await Lab.ExecAsync([program + "-restore"], text + Empty(await SaveAsync(program), text))).OrThrow();
    }

    private string Ip6tables => Lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal);

    private async Task<string> SaveAsync(string program) => (await Lab.ExecAsync([program + "-save"])).OrThrow();

    // A table that did not exist is not in the saved text, and restoring the text would not change it. Restored with its built-in chains alone, it is empty.
    private static string Empty(string now, string saved)
    {
        var text = new StringBuilder();
        var absent = false;
        foreach (var line in now.Split('\n'))
        {
            if (line.StartsWith('*'))
                absent = !saved.Contains(line + "\n", StringComparison.Ordinal);
            if (absent && (line.StartsWith('*') || line == "COMMIT"))
                text.Append(line).Append('\n');
            else if (absent && line.StartsWith(':') && !line.Contains(" - [", StringComparison.Ordinal))
                text.Append(line.Split(' ')[0]).Append(" ACCEPT [0:0]\n");
        }
        return text.ToString();
    }
}

/// <summary>An engine and the iptables of its Docker: what a collection of tests runs on.</summary>
public sealed record TestedEngine(LabEngine Engine, LabBackend Backend)
{
    public LabOptions Options => new() { Engine = Engine, Backend = Backend };

    /// <summary>Why nothing can be tested on it here; null if it can.</summary>
    public string? WhyUnavailable() => LabHost.WhyUnavailable() ?? Engine.WhyUnavailable();

    /// <summary>The end of its tests' names.</summary>
    public string Describe() => $"Docker {Engine.Version("docker.io") ?? "of this machine"}, {(Backend == LabBackend.Nft ? "iptables-nft" : "iptables-legacy")}";
}

/// <summary>The collections whose tests share one lab, and what each lab runs on.</summary>
internal static class LabCollections
{
    public static TestedEngine Nft { get; } = new(LabEngine.Machine, LabBackend.Nft);

    public static TestedEngine Legacy { get; } = new(LabEngine.Machine, LabBackend.Legacy);

    public static TestedEngine Trixie { get; } = new(LabEngine.Trixie, LabBackend.Nft);

    public static TestedEngine Sid { get; } = new(LabEngine.Sid, LabBackend.Nft);

    public static TestedEngine? Find(string collection) => collection switch
    {
        NftCollection.Name => Nft,
        LegacyCollection.Name => Legacy,
        TrixieCollection.Name => Trixie,
        SidCollection.Name => Sid,
        Engines.RichNftCollection.Name or Engines.LayoutNftCollection.Name => Nft,
        Engines.RichLegacyCollection.Name or Engines.LayoutLegacyCollection.Name => Legacy,
        Engines.RichTrixieCollection.Name or Engines.LayoutTrixieCollection.Name => Trixie,
        Engines.RichSidCollection.Name or Engines.LayoutSidCollection.Name => Sid,
        _ => null,
    };
}

public sealed class NftLab() : LabFixture(LabCollections.Nft);

public sealed class LegacyLab() : LabFixture(LabCollections.Legacy);

public sealed class TrixieLab() : LabFixture(LabCollections.Trixie);

public sealed class SidLab() : LabFixture(LabCollections.Sid);

/// <summary>Tests on the lab with this machine's Docker and iptables-nft: <c>[Collection(NftCollection.Name)]</c>.</summary>
[CollectionDefinition(Name)]
public sealed class NftCollection : ICollectionFixture<NftLab>
{
    public const string Name = "lab-nft";
}

/// <summary>The same with iptables-legacy.</summary>
[CollectionDefinition(Name)]
public sealed class LegacyCollection : ICollectionFixture<LegacyLab>
{
    public const string Name = "lab-legacy";
}

/// <summary>The engine of Debian 13.</summary>
[CollectionDefinition(Name)]
public sealed class TrixieCollection : ICollectionFixture<TrixieLab>
{
    public const string Name = "lab-trixie";
}

/// <summary>The engine of Debian's unstable suite.</summary>
[CollectionDefinition(Name)]
public sealed class SidCollection : ICollectionFixture<SidLab>
{
    public const string Name = "lab-sid";
}

/// <summary>Collections that share a lab take by far the longest, and their tests run one by one: started last, they would run on alone. Single classes fill the gaps.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(static collection => collection.CollectionDefinition is null).ThenBy(static collection => collection.DisplayName, StringComparer.Ordinal);
}
