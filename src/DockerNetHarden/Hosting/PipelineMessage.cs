using System.Management.Automation;

namespace DockerNetHarden.Commands;

/// <summary>What workers send to the pipeline thread.</summary>
internal abstract record PipelineMessage
{
    private PipelineMessage()
    {
    }

    internal sealed record Output(object Value) : PipelineMessage;

    internal sealed record Error(ErrorRecord Record) : PipelineMessage;

    internal sealed record Warning(string Text) : PipelineMessage;

    internal sealed record Verbose(string Text) : PipelineMessage;

    /// <param name="Done">How many hosts are done, failed ones too.</param>
    /// <param name="InFlight">How many are being worked on.</param>
    /// <param name="Total">How many there are.</param>
    internal sealed record Progress(int Done, int InFlight, int Total) : PipelineMessage
    {
        public ProgressRecord ToRecord(string command) => new(0, command, $"{Done} of {Total} hosts done, {InFlight} in flight")
        {
            PercentComplete = 100 * Done / Total,
            RecordType = Done == Total ? ProgressRecordType.Completed : ProgressRecordType.Processing,
        };
    }

    /// <param name="Description">What -WhatIf prints.</param>
    /// <param name="Query">What -Confirm asks.</param>
    /// <param name="Caption">The headline of the question.</param>
    /// <param name="Danger">What is asked beyond that, also where -Confirm was not given; null where nothing is.</param>
    internal sealed record Question(string Description, string Query, string Caption, string? Danger) : PipelineMessage
    {
        // The waiting worker must not go on within the pipeline thread's call.
        public TaskCompletionSource<bool> Reply { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
