using DockerNetHarden.Effects;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Hosts;

/// <summary>
/// Where the workers of <see cref="Fleet"/> send what only the caller's thread may do. A cmdlet drains it on the pipeline thread, a program prints it, a test
/// collects it. Called from any thread.
/// </summary>
public interface IFleetSink
{
    /// <summary>A host failed; the others go on.</summary>
    void Failure(string host, Exception error);

    /// <summary>One more host is done, successfully or not.</summary>
    /// <param name="count">How many are done by now.</param>
    void Done(int count)
    {
    }

    /// <summary>Something that a person should know about a host.</summary>
    void Warning(string host, string message);

    /// <summary>What is being done, for those who want to know.</summary>
    void Trace(string host, string message);

    /// <summary>Asks whether to carry a plan out.</summary>
    /// <param name="host">The host.</param>
    /// <param name="plan">The plan, which changes something.</param>
    /// <param name="stop">Ends the wait for an answer.</param>
    Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop);

    /// <summary>Whether to find out what a plan would do to open connections before it is asked about. The whole host is read for that, in one more program.</summary>
    bool WantsEffect => false;

    /// <summary>Asks whether to carry a plan out, if <see cref="WantsEffect"/>.</summary>
    /// <param name="host">The host.</param>
    /// <param name="plan">The plan, which changes something.</param>
    /// <param name="effect">What it would do to open connections.</param>
    /// <param name="stop">Ends the wait for an answer.</param>
    Task<bool> ConfirmAsync(string host, Plan plan, ChangeEffect effect, CancellationToken stop) => ConfirmAsync(host, plan, stop);
}
