using System.Runtime.CompilerServices;

namespace DockerNetHarden.Lab.Tests.Fleets;

/// <summary>Three hosts with sshd and one client, for all tests of the fleet.</summary>
public sealed class FleetLab : IAsyncLifetime
{
    private LabFleet? fleet;

    public LabFleet Fleet => fleet ?? throw new InvalidOperationException("The fleet was not raised: " + LabSsh.WhyUnavailable());

    /// <summary>How often tests repeat what hits at random moments: DNH_LAB_ROUNDS, 3 if it is not set.</summary>
    public static int Rounds => int.TryParse(Environment.GetEnvironmentVariable("DNH_LAB_ROUNDS"), System.Globalization.CultureInfo.InvariantCulture, out var rounds) && rounds > 0 ? rounds : 3;

    public async Task InitializeAsync()
    {
        if (LabSsh.WhyUnavailable() is null)
            fleet = await LabFleet.RaiseAsync(3);
    }

    public async Task DisposeAsync()
    {
        if (fleet is not null)
            await fleet.DisposeAsync();
    }

    /// <summary>Removes everything that is ours from every host, without SSH.</summary>
    public async Task ResetAsync()
    {
        foreach (var lab in fleet?.Hosts ?? [])
        {
            await using var hardening = await Hardening.Hardening.OfAsync(lab);
            hardening.CompareForeign = false;
        }
    }
}

/// <summary>One by one and without others: many of these tests measure time or count processes.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class FleetCollection : ICollectionFixture<FleetLab>
{
    public const string Name = "lab-fleet";
}

/// <summary>A test that also needs sshd, ssh and sudo. Without them it is skipped, and its name says why.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FleetFactAttribute : FactAttribute
{
    public FleetFactAttribute([CallerMemberName] string test = "")
    {
        if (LabSsh.WhyUnavailable() is not { } reason)
            return;
        DisplayName = $"{test} [skipped: {reason}]";
        Skip = reason;
    }
}

/// <summary>The same for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FleetTheoryAttribute : TheoryAttribute
{
    public FleetTheoryAttribute([CallerMemberName] string test = "")
    {
        if (LabSsh.WhyUnavailable() is not { } reason)
            return;
        DisplayName = $"{test} [skipped: {reason}]";
        Skip = reason;
    }
}
