using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Iptables;

/// <summary>Lines that people paste, run by a real shell with the real iptables, and read by the module: both have the same rules in the same order.</summary>
public sealed class RuleScriptOnTheKernelTests
{
    private static readonly string[] Sources = ["", "-s 10.0.0.5 ", "-s 10.0.0.0/255.0.0.0 ", "! -s 10.1.0.0/255.255.0.0 ", "-s 10.0.0.7,10.0.0.8 "];
    private static readonly string[] Destinations = ["", "-d 192.0.2.0/24 ", "-d 192.0.2.1,192.0.2.2 ", "! -d 192.0.2.3 "];
    private static readonly string[] Tails = ["-j DROP", "-p tcp --dport 80 -j ACCEPT   # the web", "-p tcp --syn -m multiport --dports 25,465 -j RETURN", "-i docker0 -j REJECT", "-m limit -j ACCEPT"];

    [SkippableTheory]
    [InlineData("nft")]
    [InlineData("legacy")]
    public void A_shell_and_the_module_make_the_same_of_a_script(string backend)
    {
        using var space = FirewallNamespace.Create(backend);
        var random = new Random(20261130);
        var (inserted, moved) = (0, 0);
        for (var round = 0; round < 25; round++)
        {
            Assert.Equal(0, space.Run("sh", $"iptables-{backend} -N DOCKER-USER 2>/dev/null; iptables-{backend} -F DOCKER-USER").ExitCode);
            var script = new List<string> { "# A script of somebody's", "" };
            var (reader, order) = (new RuleScript(), new RuleOrder());
            for (var i = 0; i < 8; i++)
            {
                var place = random.Next(3) switch
                {
                    0 => "-A DOCKER-USER ",
                    1 => "-I DOCKER-USER ",
                    _ => $"-I DOCKER-USER {random.Next(1, order.Rules.Count + 2)} ",
                };
                var (source, destination) = (Sources[random.Next(Sources.Length)], Destinations[random.Next(Destinations.Length)]);
                // iptables refuses a list beside a '!'.
                if ((source + destination).Contains(',', StringComparison.Ordinal) && (source + destination).Contains('!', StringComparison.Ordinal))
                    source = destination = "";
                var line = $"iptables {place}{source}{destination}{Tails[random.Next(Tails.Length)]}";
                script.Add(line);
                var last = order.Rules.Count > 0 ? order.Rules[^1] : null;
                foreach (var placed in reader.Read(line))
                    order.Add(placed);
                inserted += place.StartsWith("-I", StringComparison.Ordinal) ? 1 : 0;
                moved += last is not null && order.Rules[^1].Equals(last) ? 1 : 0;
            }
            var run = space.Run("sh", $"set -e\niptables() {{ command iptables-{backend} \"$@\"; }}\n{string.Join('\n', script)}\n");
            Assert.True(run.ExitCode == 0, run.Errors + string.Join('\n', script));
            var theirs = Ruleset.Parse(Family.IPv4, space.Run($"iptables-{backend}-save", "", "-t", "filter").Output)["filter", "DOCKER-USER"].Select(line => string.Join(' ', line.Tokens));
            Assert.Equal(theirs, order.Rules.Select(rule => string.Join(' ', WithoutMark(rule.Tokens))));
        }
        Assert.True(inserted > 50 && moved > 25, $"{inserted} insertions, {moved} of them before others");
    }

    // Our rules have a comment that theirs have not.
    private static IEnumerable<string> WithoutMark(IReadOnlyList<string> tokens)
    {
        var at = tokens.ToList().IndexOf("comment") - 1;
        return tokens.Where((_, index) => index < at || index > at + 3);
    }
}
