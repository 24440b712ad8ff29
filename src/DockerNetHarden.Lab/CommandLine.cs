using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using DockerNetHarden.Lab.Demo;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab;

/// <summary>The lab from a shell: for Pester, the demo, and people who want to look around.</summary>
internal static class CommandLine
{
    private static readonly Option<string?> Name = new("--name") { Description = "The lab; may be left out if there is only one." };
    private static readonly Option<LabBackend> Backend = new("--backend") { Description = "Which iptables the lab's Docker writes with.", DefaultValueFactory = _ => LabBackend.Nft };
    private static readonly Option<string> Engine = new("--engine")
    {
        Description = "Which Docker engine the lab has: this machine's, or one that './build.sh engines' made.", DefaultValueFactory = _ => LabEngine.Machine.Name,
    };
    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON." };

    public static RootCommand Build() => new("A throwaway Docker host in network namespaces: raised in about a second, asked with real packets, gone without a trace.")
    {
        Up(), Down(), Ask(), Count(), Run(), ServeIn(), Exec(), RestartDocker(), DemoCommand(), Serve(), FleetCommandLine.Build(),
    };

    private static Command Up()
    {
        var netfilter = new Option<string?>("--br-netfilter") { Description = "Whether packets between containers of one bridge pass iptables; the kernel's default if left out." };
        netfilter.AcceptOnlyFromAmong("on", "off");
        var ipv6 = new Option<bool>("--ipv6") { Description = "Services outside and the host's uplink have IPv6 too." };
        var owner = new Option<int?>("--owner") { Description = "The process that the lab belongs to: when it is gone, the next lab to be raised takes this one down. 0 is nobody. Default: the process that called this one." };
        var command = new Command("up", "Raises a lab and tells how to reach it.") { Name, Engine, Backend, netfilter, ipv6, owner, Json };
        command.SetAction(async (arguments, stop) =>
        {
            var lab = await LabHost.RaiseAsync(new LabOptions
            {
                Name = arguments.GetValue(Name),
                Engine = LabEngine.Parse(arguments.GetValue(Engine)!),
                Backend = arguments.GetValue(Backend),
                Ipv6 = arguments.GetValue(ipv6),
                BridgeNetfilter = arguments.GetValue(netfilter) is { } set ? set == "on" : null,
                Owner = arguments.GetValue(owner) ?? Native.ParentProcess(),
            }, stop).ConfigureAwait(false);
            // Not disposed: the lab is meant to stay.
            var description = await lab.DescribeAsync(stop).ConfigureAwait(false);
            Console.WriteLine(arguments.GetValue(Json)
                ? JsonSerializer.Serialize(description, LabJson.Default.LabDescription)
                : string.Create(CultureInfo.InvariantCulture, $"Lab '{lab.Name}' is up ({lab.RaisedIn.TotalSeconds:0.0} s). On its host: dnh-lab exec --name {lab.Name} -- docker ps. Take it down: dnh-lab down --name {lab.Name}."));
            return 0;
        });
        return command;
    }

    private static Command Down()
    {
        var all = new Option<bool>("--all") { Description = "Every lab, whoever raised it." };
        var command = new Command("down", "Takes a lab down, with everything that belongs to it.") { Name, all };
        command.SetAction(async (arguments, _) =>
        {
            foreach (var name in await LabHost.RemoveAsync(arguments.GetValue(Name), arguments.GetValue(all)).ConfigureAwait(false))
                Console.WriteLine($"Lab '{name}' is gone.");
            return 0;
        });
        return command;
    }

    private static Command Ask()
    {
        var from = new Option<string>("--from") { Required = true, Description = "Who asks: a container, 'host' or 'net' (outside)." };
        var to = new Option<string>("--to") { Required = true, Description = "The address to ask, for example 192.0.2.1 or fe80::1%eth0." };
        var port = new Option<int>("--port") { Required = true };
        var protocol = new Option<ProbeProtocol>("--protocol") { DefaultValueFactory = _ => ProbeProtocol.Tcp };
        var source = new Option<string?>("--source") { Description = "The address to ask from, one of the asker's own." };
        var count = new Option<int>("--count") { DefaultValueFactory = _ => 1, Description = "How many times." };
        var parallel = new Option<int>("--parallel") { DefaultValueFactory = _ => 20, Description = "How many of them at once." };
        var timeout = new Option<int>("--timeout") { DefaultValueFactory = _ => (int)LabHost.DefaultPatience.TotalMilliseconds, Description = "Milliseconds until a probe counts as timed out." };
        var command = new Command("ask", "Sends real packets and tells what happened to them: Open, Refused, TimedOut, Unreachable or Broken.")
        {
            Name, from, to, port, protocol, source, count, parallel, timeout, Json,
        };
        command.SetAction(async (arguments, stop) =>
        {
            var lab = LabHost.Open(arguments.GetValue(Name));
            var (asker, address, number, speaks) = (arguments.GetRequiredValue(from), arguments.GetRequiredValue(to), arguments.GetValue(port), arguments.GetValue(protocol));
            if (number is < 1 or > 65535)
                throw new LabException($"{number} is not a port; ports are 1 to 65535.");
            var patience = TimeSpan.FromMilliseconds(arguments.GetValue(timeout));
            AskAnswer answer;
            if (arguments.GetValue(count) > 1)
            {
                var burst = await lab.BurstAsync(asker, address, number, arguments.GetValue(count), arguments.GetValue(parallel), speaks, patience, stop).ConfigureAwait(false);
                answer = new AskAnswer(asker, address, number, speaks, burst.Open == burst.Count ? Reach.Open : burst.Refused > 0 ? Reach.Refused : Reach.TimedOut, burst.Milliseconds, null, burst);
            }
            else
            {
                var result = await lab.AskAsync(asker, address, number, speaks, arguments.GetValue(source), patience, stop).ConfigureAwait(false);
                answer = new AskAnswer(asker, address, number, speaks, result.Result, result.Milliseconds, result.Body, null);
            }
            Console.WriteLine(
                arguments.GetValue(Json) ? JsonSerializer.Serialize(answer, LabJson.Default.AskAnswer)
                : answer.Burst is { } many ? string.Create(CultureInfo.InvariantCulture, $"{many.Open} of {many.Count} open, {many.Milliseconds:0.0} ms")
                : string.Create(CultureInfo.InvariantCulture, $"{answer.Result} {answer.Milliseconds:0.0} ms"));
            return 0;
        });
        return command;
    }

    private static Command Count()
    {
        var service = new Option<string?>("--service") { Description = "The service; all of them as JSON if left out." };
        var command = new Command("count", "How many connections and datagrams reached a service: what arrived, whatever the asker saw.") { Name, service };
        command.SetAction(async (arguments, stop) =>
        {
            var lab = LabHost.Open(arguments.GetValue(Name));
            if (arguments.GetValue(service) is { } one)
                Console.WriteLine((await lab.CountAsync(one, stop).ConfigureAwait(false)).Connections.ToString(CultureInfo.InvariantCulture));
            else
                Console.WriteLine(JsonSerializer.Serialize(new Dictionary<string, ServiceCount>(await lab.CountsAsync(stop).ConfigureAwait(false), StringComparer.Ordinal), LabJson.Default.DictionaryStringServiceCount));
            return 0;
        });
        return command;
    }

    private static Command Run()
    {
        var container = new Option<string>("--container") { Required = true, Description = "Its name." };
        var network = new Option<string>("--network") { DefaultValueFactory = _ => "bridge" };
        var rest = new Argument<string[]>("arguments") { Description = "Further arguments of docker run, after --." };
        var command = new Command("run", "Runs one more container and prints it as JSON.") { Name, container, network, rest };
        command.SetAction(async (arguments, stop) =>
        {
            var options = new LabContainerOptions(arguments.GetRequiredValue(container)) { Network = arguments.GetValue(network)!, Arguments = arguments.GetValue(rest)! };
            var made = await LabHost.Open(arguments.GetValue(Name)).RunContainerAsync(options, stop).ConfigureAwait(false);
            Console.WriteLine(JsonSerializer.Serialize(made, LabJson.Default.LabContainer));
            return 0;
        });
        return command;
    }

    private static Command ServeIn()
    {
        var place = new Option<string>("--in") { Required = true, Description = "A container, 'host' or 'net' (outside)." };
        var service = new Option<string>("--service") { Required = true, Description = "The name under which it is counted." };
        var port = new Option<int>("--port") { Required = true };
        var kind = new Option<ServiceKind>("--kind") { DefaultValueFactory = _ => ServiceKind.Http };
        var command = new Command("serve-in", "Opens one more service, in a container, on the host or outside.") { Name, place, service, port, kind };
        command.SetAction(async (arguments, stop) =>
        {
            await LabHost.Open(arguments.GetValue(Name))
                .ServeAsync(arguments.GetRequiredValue(place), arguments.GetRequiredValue(service), arguments.GetValue(port), arguments.GetValue(kind), stop: stop).ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static Command Exec()
    {
        var rest = new Argument<string[]>("command") { Arity = ArgumentArity.OneOrMore, Description = "The command and its arguments, after --." };
        var command = new Command("exec", "Runs a command on the lab's host: in its namespace, with DOCKER_HOST set. The exit code is the command's.") { Name, rest };
        command.SetAction((arguments, stop) => LabHost.Open(arguments.GetValue(Name)).ExecHereAsync(arguments.GetValue(rest)!, stop));
        return command;
    }

    private static Command RestartDocker()
    {
        var command = new Command("restart-docker", "Stops the lab's dockerd and starts it again; containers stay.") { Name };
        command.SetAction(async (arguments, stop) =>
        {
            await LabHost.Open(arguments.GetValue(Name)).RestartDockerAsync(stop).ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static Command DemoCommand()
    {
        var module = new Option<string?>("--module") { Description = "The staged module: out/DockerNetHarden/<version>." };
        var command = new Command("demo", "Shows what containers reach, hardens the host, and shows it again.") { Backend, module };
        command.SetAction(async (arguments, stop) =>
        {
            IHardener hardener = PwshHardener.Find(arguments.GetValue(module)) ?? (IHardener)new CoreHardener();
            return await new LabDemo(hardener, Console.Out, Style.Detect()).RunAsync(arguments.GetValue(Backend), stop).ConfigureAwait(false) ? 0 : 1;
        });
        return command;
    }

    private static Command Serve()
    {
        var host = new Option<string>("--host") { Required = true };
        var outside = new Option<string>("--outside") { Required = true };
        var control = new Option<string>("--control") { Required = true };
        var ipv6 = new Option<bool>("--ipv6");
        var command = new Command("serve", "The lab's services; started by up.") { host, outside, control, ipv6 };
        command.Hidden = true;
        command.SetAction(async (arguments, stop) =>
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
            using var asked = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
            {
                context.Cancel = true;
                ending.Cancel();
            });
            await new ServiceProcess(arguments.GetRequiredValue(host), arguments.GetRequiredValue(outside), arguments.GetRequiredValue(control), arguments.GetValue(ipv6)).RunAsync(ending.Token).ConfigureAwait(false);
            return 0;
        });
        return command;
    }
}
