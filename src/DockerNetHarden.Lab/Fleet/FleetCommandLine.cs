using System.CommandLine;
using System.Text.Json;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab;

/// <summary>The fleet from a shell: <c>dnh-lab fleet up|down|exec</c>.</summary>
internal static class FleetCommandLine
{
    private static readonly Option<string> Name = new("--name") { DefaultValueFactory = _ => "fleet", Description = "The fleet; its hosts are NAME-1, NAME-2 ..." };

    public static Command Build() => new("fleet", "Several lab hosts with sshd, and one client that reaches them all.") { Up(), Down(), Exec() };

    private static Command Up()
    {
        var hosts = new Option<int>("--hosts") { DefaultValueFactory = _ => 3, Description = "How many." };
        var pwsh = new Option<string[]>("--pwsh")
        {
            Description = "A pwsh for New-PSSession over SSH: each sshd gets the subsystem 'powershell'. For one that runs as a .NET tool give both paths: --pwsh dotnet --pwsh pwsh.dll.",
        };
        var owner = new Option<int?>("--owner") { Description = "The process that the fleet belongs to, as for up. 0 means none. Default: the process that called this one." };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command = new Command("up", "Raises a fleet and prints how to reach it.") { Name, hosts, pwsh, owner, json };
        command.SetAction(async (arguments, stop) =>
        {
            // Not disposed of, because it stays.
            var fleet = await LabFleet.RaiseAsync(arguments.GetValue(hosts), new LabFleetOptions
            {
                Name = arguments.GetValue(Name),
                PowerShell = arguments.GetValue(pwsh) ?? [],
                Owner = arguments.GetValue(owner) ?? Native.ParentProcess(),
            }, stop).ConfigureAwait(false);
            var description = fleet.Describe();
            Console.WriteLine(arguments.GetValue(json)
                ? JsonSerializer.Serialize(description, LabJson.Default.FleetDescription)
                : $"Fleet '{fleet.Name}' is up: {string.Join(", ", fleet.Hosts.Select(host => host.Name))}. Reach one: {description.Ssh} {fleet.Hosts[0].Name}. Take it down: dnh-lab fleet down --name {fleet.Name}.");
            return 0;
        });
        return command;
    }

    private static Command Down()
    {
        var command = new Command("down", "Takes a fleet down, with everything that belongs to it.") { Name };
        command.SetAction(async (arguments, _) =>
        {
            foreach (var host in await LabFleet.RemoveAsync(arguments.GetValue(Name)!).ConfigureAwait(false))
                Console.WriteLine($"Lab '{host}' is gone.");
            return 0;
        });
        return command;
    }

    private static Command Exec()
    {
        var rest = new Argument<string[]>("command") { Arity = ArgumentArity.OneOrMore, Description = "The command and its arguments, after --." };
        var command = new Command("exec", "Runs a command where the fleet's client is, with its ssh first on PATH. The exit code is the command's.") { Name, rest };
        command.SetAction((arguments, stop) => LabFleet.ExecHereAsync(arguments.GetValue(Name)!, arguments.GetValue(rest)!, stop));
        return command;
    }
}
