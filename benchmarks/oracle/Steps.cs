namespace DockerNetHarden.Oracle;

/// <summary>Progress on the thread that makes it; the framework's own uses the thread pool and comes late.</summary>
internal sealed class Steps(Action<long> report) : IProgress<long>
{
    public void Report(long value) => report(value);
}
