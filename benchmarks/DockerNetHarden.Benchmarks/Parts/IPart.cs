namespace DockerNetHarden.Benchmarks;

/// <summary>A part of the benchmark, which can be run by itself.</summary>
internal interface IPart
{
    string Name { get; }

    /// <summary>What the machine lacks for it; null if nothing.</summary>
    string? WhyUnavailable();

    Task RunAsync(Run run);
}
