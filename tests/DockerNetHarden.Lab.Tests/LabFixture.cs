using System.Text;

namespace DockerNetHarden.Lab.Tests;

/// <summary>One lab for all tests of a collection. A test that writes rules takes them away with <see cref="ResetRulesAsync"/> or leaves none.</summary>
public abstract class LabFixture(LabBackend backend) : IAsyncLifetime
{
    private LabHost? lab;

    public LabHost Lab => lab ?? throw new InvalidOperationException("The lab was not raised: " + LabHost.WhyUnavailable());

    public LabBackend Backend => backend;

    public async Task InitializeAsync()
    {
        if (LabHost.WhyUnavailable() is null)
            lab = await LabHost.RaiseAsync(new LabOptions { Backend = backend });
    }

    public async Task DisposeAsync()
    {
        if (lab is not null)
            await lab.DisposeAsync();
    }

    /// <summary>The tables of both families as Docker left them; give it to <see cref="ResetRulesAsync"/>.</summary>
    public async Task<(string V4, string V6)> SaveRulesAsync() => (await SaveAsync(Lab.Iptables), await SaveAsync(Ip6tables));

    /// <summary>Puts whole tables back: what was added since is gone.</summary>
    public async Task ResetRulesAsync((string V4, string V6) saved)
    {
        foreach (var (program, text) in ((string, string)[])[(Lab.Iptables, saved.V4), (Ip6tables, saved.V6)])
            (await Lab.ExecAsync([program + "-restore"], text + Empty(await SaveAsync(program), text))).OrThrow();
    }

    private string Ip6tables => Lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal);

    private async Task<string> SaveAsync(string program) => (await Lab.ExecAsync([program + "-save"])).OrThrow();

    // A table that did not exist is not in the saved text, and restoring the text would leave it as it is now: restored with its built-in chains alone, it is empty.
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

public sealed class NftLab() : LabFixture(LabBackend.Nft);

public sealed class LegacyLab() : LabFixture(LabBackend.Legacy);

/// <summary>Tests with the lab whose Docker writes with iptables-nft: <c>[Collection(NftCollection.Name)]</c>.</summary>
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
