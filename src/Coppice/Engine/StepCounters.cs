namespace Coppice;

/// <summary>Counts of an engine that only grow, kept by the step loop.</summary>
internal sealed class StepCounters
{
    public long Steps { get; set; }

    public long GeneratedTokens { get; set; }

    public long ContextBytesRead { get; set; }

    public long ContextBytesRepeated { get; set; }

    public long BranchBytesRead { get; set; }
}
