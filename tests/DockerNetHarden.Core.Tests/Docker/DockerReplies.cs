namespace DockerNetHarden.Core.Tests.Docker;

/// <summary>Replies of engines 20.10, 28 and 29 in the shapes of Docker's API reference, with only a few unread fields.</summary>
internal static class DockerReplies
{
    public const string WebId = "ce64060f9030a228394fc1494991ccc93748bb0f083802d96f9dc56bbbf871de";
    public const string BareId = "3843da13c76b0db76fe1269e4731f1711e2f9d5b26002420b12ac2c32e02daf4";
    public const string MailId = "75865806a8ee5a8c3d3e25c199c40e2484dc78ed1cb92abcc7ae729aa5d22f22";

    public const string Version2010 = """
        {"Platform":{"Name":""},"Components":[{"Name":"Engine","Version":"20.10.24+dfsg1","Details":{"ApiVersion":"1.41"}}],
        "Version":"20.10.24+dfsg1","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}
        """;

    public const string Version28 = """{"Version":"28.0.4","ApiVersion":"1.48","MinAPIVersion":"1.24","Os":"linux"}""";

    public const string Version29 = """{"Version":"29.1.0","ApiVersion":"1.53","MinAPIVersion":"1.44","Os":"linux","Components":[]}""";

    public const string Info2010 = """
        {"ID":"C5ED:ULXL","BridgeNfIptables":true,"BridgeNfIp6tables":true,"SecurityOptions":["name=seccomp,profile=default"],
        "Swarm":{"LocalNodeState":"inactive"},"ServerVersion":"20.10.24+dfsg1","Warnings":null}
        """;

    public const string Info28 = """
        {"ID":"x","SecurityOptions":["name=seccomp,profile=builtin","name=cgroupns"],"BridgeNfIptables":false,
        "DefaultAddressPools":[{"Base":"10.200.0.0/16","Size":24},{"Base":"fd00:200::/48","Size":64}],"ServerVersion":"28.0.4"}
        """;

    public const string Info29 = """
        {"ID":"x","SecurityOptions":["name=rootless","name=cgroupns"],"FirewallBackend":{"Driver":"nftables","Info":[["ReloadedAt","2026-01-01T00:00:00Z"]]},
        "DiscoveredDevices":[],"NRI":null,"ServerVersion":"29.1.0"}
        """;

    // 20.10 returns a subnet as it was typed, leaves out a gateway that it chose, and has swarm's endpoints among the containers.
    public const string Networks2010 = $$$$$"""
        [{"Name":"web","Id":"{{{{{WebId}}}}}","Scope":"local","Driver":"bridge","EnableIPv6":true,"IPAM":{"Driver":"default","Options":{},
          "Config":[{"Subnet":"10.77.2.0/24"},{"Subnet":"fd00:77::/64"}]},"Internal":false,"ConfigFrom":{"Network":""},
          "Containers":{"{{{{{MailId}}}}}":{"Name":"mail","IPv4Address":"10.77.2.2/24"},"ep-1234":{"Name":"web.1"}},
          "Options":{"com.docker.network.bridge.enable_icc":"false","com.docker.network.bridge.name":"apps0"},"Labels":{"io.dockernetharden.profile":"Default"}},
         {"Name":"none","Id":"1591cefb2c6e","Driver":"null","IPAM":{"Driver":"default","Options":null,"Config":[]},"Containers":{},"Options":{},"Labels":{}},
         {"Name":"bridge","Id":"ffae82310541","Driver":"bridge","IPAM":{"Config":[{"Subnet":"172.17.0.0/16"}]},
          "Options":{"com.docker.network.bridge.default_bridge":"true","com.docker.network.bridge.name":"docker0"},"Labels":{}},
         {"Name":"docker_gwbridge","Id":"aa11aa11aa11","Driver":"bridge","IPAM":{"Config":[{"Subnet":"172.18.0.0/16","Gateway":"172.18.0.1"}]},
          "Options":{"com.docker.network.bridge.name":"docker_gwbridge"}},
         {"Name":"bad name","Id":"{{{{{BareId}}}}}","Driver":"bridge","IPAM":{"Config":[{"Subnet":"10.77.1.5/24"}]},"Containers":null,"Options":null,"Labels":null},
         {"Name":"spread","Id":"bb22bb22bb22","Driver":"overlay","IPAM":{"Driver":"default","Options":null,"Config":null},"Options":{},"Labels":{}}]
        """;

    public const string Network28 = $$$$$"""
        {"Name":"web","Id":"{{{{{WebId}}}}}","Driver":"bridge","EnableIPv4":true,"EnableIPv6":false,"IPAM":{"Driver":"default","Options":{},
        "Config":[{"Subnet":"172.20.0.0/16","IPRange":"","Gateway":"172.20.0.1"}]},"Internal":true,"Containers":{},"Options":{},"Labels":{}}
        """;

    public const string Network29 = $$$$$"""
        {"Name":"web","Id":"{{{{{WebId}}}}}","Driver":"bridge","EnableIPv4":true,"EnableIPv6":true,"IPAM":{"Driver":"default","Options":{},
        "Config":[{"Subnet":"172.20.0.0/16","Gateway":"172.20.0.1"},{"Subnet":"fd00:29::/64","Gateway":"fd00:29::1"}]},"Internal":false,
        "Containers":{},"Options":{},"Labels":{},"Status":{"IPAM":{"Subnets":{"172.20.0.0/16":{"IPsInUse":3,"DynamicIPsAvailable":65533} } } } }
        """;

    public const string Containers2010 = $$$$$"""
        [{"Id":"{{{{{MailId}}}}}","Names":["/web/alias","/mail"],"Image":"mail:1","State":"running","Status":"Up 2 minutes",
          "Ports":[{"IP":"127.0.0.1","PrivatePort":53,"PublicPort":5353,"Type":"udp"},{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
                   {"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"PrivatePort":443,"Type":"tcp"}],
          "HostConfig":{"NetworkMode":"default"},
          "NetworkSettings":{"Networks":{"bridge":{"IPAMConfig":null,"IPAddress":"172.17.0.2","GlobalIPv6Address":""},
                                         "web":{"IPAddress":"10.77.2.2","GlobalIPv6Address":"fd00:77::2"}}}},
         {"Id":"5cddd8b481eebf96","Names":null,"Image":"x","State":"removing","Ports":null,"HostConfig":{"NetworkMode":"host"},"NetworkSettings":null}]
        """;

    public const string Container2010 = $$$$$"""
        {"Id":"{{{{{MailId}}}}}","State":{"Status":"running","Running":true,"Pid":10150},"Image":"sha256:d1a1","Name":"/mail",
        "HostConfig":{"NetworkMode":"web","PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"Dns":["1.1.1.1","fe80::1%eth0","resolver.local","1.1.1.1"],
          "Privileged":true,"CapAdd":["CAP_NET_ADMIN","sys_time","NET_ADMIN"],"CapDrop":["ALL"]},
        "Config":{"Image":"mail:1"},
        "NetworkSettings":{"Ports":{"53/udp":[{"HostIp":"127.0.0.1","HostPort":"5353"}],"443/tcp":null,"25/tcp":[{"HostIp":"","HostPort":""}],
          "80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":"8080"}]},
          "Networks":{"web":{"IPAddress":"10.77.2.2","GlobalIPv6Address":"fd00:77::2"}}}}
        """;

    // 29 leaves out the top-level addresses; a stopped container has empty ones and no ports.
    public const string Container29 = $$$$$"""
        {"Id":"{{{{{MailId}}}}}","State":{"Status":"exited","Running":false,"Pid":0},"Name":"/mail","HostConfig":{"NetworkMode":"bridge","Dns":null,"Privileged":false,"CapAdd":null,"CapDrop":null},
        "Config":{"Image":"mail:1"},"NetworkSettings":{"SandboxID":"","Ports":{},"Networks":{"bridge":{"IPAddress":"","GlobalIPv6Address":"","DNSNames":null}}}}
        """;
}
