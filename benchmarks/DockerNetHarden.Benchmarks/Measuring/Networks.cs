using System.Globalization;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>Docker networks of a lab's host, made one after another; their bridges have the names that Docker gives. Docker's own default bridge is the first.</summary>
internal sealed class Networks(LabHost host)
{
    public int Count { get; private set; } = 1;

    /// <summary>The network that was made last, and its bridge.</summary>
    public string Last => Count == 1 ? "bridge" : Name(Count);

    public string LastBridge { get; private set; } = "docker0";

    /// <summary>Makes networks until there are so many.</summary>
    public async Task GrowAsync(int count)
    {
        var first = Count + 1;
        if (count < first)
            return;
        // One shell for all: what is measured comes later.
        var lines = Enumerable.Range(first, count - first + 1).Select(static number =>
            string.Create(CultureInfo.InvariantCulture, $"docker network create --subnet 10.{200 + (number / 250)}.{number % 250}.0/24 {Name(number)} || exit 1\n"));
        var ids = await Commands.RunAsync([.. host.Shell, "/bin/sh"], string.Concat(lines), environment: new Dictionary<string, string>(StringComparer.Ordinal) { ["DOCKER_HOST"] = host.DockerHost }).ConfigureAwait(false);
        Count = count;
        // Docker names a bridge after the first 12 digits of the network's id, which it prints.
        LastBridge = $"br-{ids.TrimEnd().Split('\n')[^1][..12]}";
    }

    private static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"net{number}");
}
