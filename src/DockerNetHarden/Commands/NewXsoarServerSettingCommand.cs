using System.Management.Automation;
using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Completion;
using DockerNetHarden.Errors;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>
/// Makes server keys that let Cortex XSOAR run an image on a network, or that keep JavaScript integrations from addresses. Source: Cortex XSOAR's Docker network
/// hardening; options are separated by ## ("Docker hardening guide", memory limitation).
/// </summary>
[Cmdlet(VerbsCommon.New, "XsoarServerSetting", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(XsoarServerSetting))]
public sealed partial class NewXsoarServerSettingCommand : PSCmdlet
{
    private const string ImageSet = "Image";
    private const string JavaScriptSet = "JavaScript";
    private const string Separator = "##";

    // What a JavaScript integration, which runs in the server's own process, could reach in place of a container.
    private static readonly string[] UsualHosts = ["169.254.169.254", "localhost", "127.0.0.1"];

    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ImageSet, HelpMessage = "Images without their tags, for example demisto/boto3py3.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [ValidateNotNullOrEmpty]
    public string[] Image { get; set; } = [];

    // A HardenedDockerNetwork from the pipeline has its name in Name.
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true, ParameterSetName = ImageSet, HelpMessage = "The Docker network for the images' containers.")]
    [ArgumentCompleter(typeof(Completer<NetworkNames>))]
    [Alias("Name")]
    [ValidateNotNullOrEmpty]
    public string Network { get; set; } = "";

    [Parameter(ParameterSetName = ImageSet, HelpMessage = "Further options of docker run, one per string, for example --memory=1g.")]
    [ValidateNotNull]
    public string[] ExtraKey { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = JavaScriptSet, HelpMessage = "Restrict the addresses that JavaScript integrations may ask.")]
    public SwitchParameter JavaScript { get; set; }

    [Parameter(ParameterSetName = JavaScriptSet, HelpMessage = "Further addresses and host names that JavaScript integrations may not ask.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [ValidateNotNull]
    public string[] RestrictedHost { get; set; } = [];

    protected override void ProcessRecord()
    {
        try
        {
            foreach (var setting in ParameterSetName is ImageSet ? OfImages() : OfJavaScript())
                WriteObject(setting);
        }
        catch (Exception error) when (error is CommandFailure or RefusedValueException)
        {
            ThrowTerminatingError(ErrorRecords.From(error, null));
        }
    }

    private List<XsoarServerSetting> OfImages()
    {
        var network = Operand.CheckNetworkName(Network, nameof(Network));
        foreach (var key in ExtraKey)
        {
            if (!key.StartsWith('-') || key.Contains(Separator, StringComparison.Ordinal) || key.Any(char.IsControl))
                throw CommandFailure.InvalidXsoarValue(nameof(ExtraKey), key, "it must be one option of docker run that begins with '-', without ##, which separates options there.");
            if (key is "--network" or "--net" || key.StartsWith("--network=", StringComparison.Ordinal) || key.StartsWith("--net=", StringComparison.Ordinal))
                throw CommandFailure.InvalidXsoarValue(nameof(ExtraKey), key, "-Network gives the network.");
        }
        var value = string.Join(Separator, ExtraKey.Prepend("--network=" + network));
        return [.. Image.Select(image => new XsoarServerSetting
        {
            Key = "python.pass.extra.keys." + (ImageName().IsMatch(image) ? image : throw CommandFailure.InvalidImage(image)),
            Value = value,
            NextStep = $"Add the key under Settings, About, Troubleshooting; then run /reset_containers, and check whether 'docker network inspect {network}' shows the image's containers.",
        })];
    }

    private List<XsoarServerSetting> OfJavaScript()
    {
        // -JavaScript:$false asks for nothing.
        if (!JavaScript)
            return [];
        foreach (var host in RestrictedHost)
        {
            if (host.Length == 0 || host.Contains(',', StringComparison.Ordinal) || host.Any(char.IsWhiteSpace))
                throw CommandFailure.InvalidXsoarValue(nameof(RestrictedHost), host, "it must be one address or host name, without commas and spaces.");
        }
        return
        [
            new XsoarServerSetting
            {
                Key = "js.http.restricted",
                Value = string.Join(',', UsualHosts.Concat(RestrictedHost).Distinct(StringComparer.OrdinalIgnoreCase)),
                NextStep = "Add the key under Settings, About, Troubleshooting; then run /reset_containers. It is for JavaScript integrations, which do not run in a container: no firewall rule here applies to them.",
            },
        ];
    }

    [GeneratedRegex(@"\A[a-zA-Z0-9][a-zA-Z0-9._/-]*\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ImageName();
}
