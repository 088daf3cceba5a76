using Coppice.Kv;

namespace Coppice;

/// <summary>Tokens that a step adds to one segment.</summary>
/// <param name="Group">The request that asks for it; others may wait for the same segment.</param>
/// <param name="Branch">The branch, or null for a piece of a prompt.</param>
/// <param name="Segment">Where their keys and values go.</param>
/// <param name="From">Tokens that are written before the step.</param>
/// <param name="Rows">Tokens added.</param>
internal readonly record struct StepWork(SampleGroup Group, Branch? Branch, Segment Segment, int From, int Rows)
{
    /// <summary>Whether the segment is whole after the step.</summary>
    public bool CompletesPrompt => Branch is null && ReferenceEquals(Segment, Group.PromptEnd) && Segment.IsSealed;

    /// <summary>Whether the branch gets a token from the step.</summary>
    public bool Draws => Branch is { } branch && From + Rows == branch.Published;
}
