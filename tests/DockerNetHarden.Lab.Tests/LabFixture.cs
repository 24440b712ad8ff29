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
    public async Task<(string V4, string V6)> SaveRulesAsync() =>
        ((await Lab.ExecAsync([Lab.Iptables + "-save"])).OrThrow(), (await Lab.ExecAsync([Lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal) + "-save"])).OrThrow());

    /// <summary>Puts whole tables back: what was added since is gone.</summary>
    public async Task ResetRulesAsync((string V4, string V6) saved)
    {
        (await Lab.ExecAsync([Lab.Iptables + "-restore"], saved.V4)).OrThrow();
        (await Lab.ExecAsync([Lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal) + "-restore"], saved.V6)).OrThrow();
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
