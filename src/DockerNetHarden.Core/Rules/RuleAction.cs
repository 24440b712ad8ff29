namespace DockerNetHarden.Rules;

/// <summary>What a rule does with a packet that it matches: the target. Source: iptables(8), iptables-extensions(8).</summary>
public enum RuleAction
{
    /// <summary><c>-j ACCEPT</c>: the packet passes this hook; later rules of the chain do not see it.</summary>
    Accept = 1,

    /// <summary><c>-j RETURN</c>: this control does not decide; the chain that jumped here goes on.</summary>
    Return = 2,

    /// <summary><c>-j DROP</c>: the packet vanishes; the client waits until its timeout.</summary>
    Drop = 3,

    /// <summary><c>-j REJECT</c>: the packet is answered with an error; the client fails at once.</summary>
    Reject = 4,

    /// <summary><c>-j LOG</c>: the kernel log gets a line; the packet goes on to the next rule.</summary>
    Log = 5,

    /// <summary><c>-j CHAIN</c>: another chain decides.</summary>
    Jump = 6,

    /// <summary>
    /// <c>-j DNH-REPORT</c>: what a block would stop is counted and, at most sixty lines a minute, put into the kernel log; the packet goes on to the next rule.
    /// </summary>
    Report = 7,
}

/// <summary>A rule's place in its control's chain: exceptions before blocks, blocks before limits.</summary>
public enum Phase
{
    /// <summary>Lets packets pass the control's blocks.</summary>
    Exception = 0,

    /// <summary>Stops or logs packets. All custom rules are of this phase: they keep the order in which they were given.</summary>
    Block = 1,

    /// <summary>Counts packets against a rate.</summary>
    Limit = 2,
}
