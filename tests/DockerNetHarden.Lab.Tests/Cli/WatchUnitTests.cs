using System.Diagnostics;

namespace DockerNetHarden.Lab.Tests.Cli;

public sealed class WatchUnitTests
{
    [SkippableFact]
    public void The_unit_of_the_guide_is_one_that_systemd_accepts()
    {
        Skip.IfNot(File.Exists("/usr/bin/systemd-analyze"), "needs systemd-analyze");
        var folder = Directory.CreateTempSubdirectory("dnh-unit");
        try
        {
            // The program itself is not installed where the tests run.
            var unit = Path.Combine(folder.FullName, "docker-net-harden-watch.service");
            var text = DockerNetHarden.Tests.ProjectRoot.Read("docs", "guides", "docker-net-harden-watch.service");
            Assert.Contains("ExecStart=/usr/local/sbin/docker-net-harden watch ", text, StringComparison.Ordinal);
            File.WriteAllText(unit, text.Replace("/usr/local/sbin/docker-net-harden", "/bin/true", StringComparison.Ordinal));
            using var verify = Process.Start(new ProcessStartInfo("/usr/bin/systemd-analyze", ["verify", unit]) { UseShellExecute = false, RedirectStandardError = true })!;
            var said = verify.StandardError.ReadToEnd();
            Assert.True(verify.WaitForExit(30_000), "systemd-analyze did not end.");
            Assert.DoesNotContain("docker-net-harden-watch", said, StringComparison.Ordinal);
            Assert.Equal(0, verify.ExitCode);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
