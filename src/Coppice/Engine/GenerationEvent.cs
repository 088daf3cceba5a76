using Coppice.Sampling;

namespace Coppice;

/// <summary>What happens while a request runs, in order: one <see cref="PromptProcessed"/>, the branches' tokens interleaved,
/// each branch's end, and at last the ranked result.</summary>
public abstract record GenerationEvent;

/// <summary>The prompt's keys and values exist; the branches fork from here.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="ReusedTokens">Of them, how many had their keys and values already.</param>
/// <param name="Duration">Time since the request's first step.</param>
public sealed record PromptProcessed(int PromptTokens, int ReusedTokens, TimeSpan Duration) : GenerationEvent;

/// <summary>A branch has one more token.</summary>
/// <param name="Branch">Index of the branch, 0 to samples - 1.</param>
/// <param name="Token">Token id.</param>
/// <param name="Text">What it adds to the text: empty where a character or a stop text is not complete yet.</param>
/// <param name="Logprob">Its natural-log probability under the model.</param>
public sealed record TokenGenerated(int Branch, int Token, string Text, float Logprob) : GenerationEvent
{
    /// <summary>The most likely tokens of its position under the model, best first: as many as the request asks for.</summary>
    public IReadOnlyList<TokenLogprob> TopLogprobs { get; init; } = [];
}

/// <summary>A branch has ended.</summary>
/// <param name="Branch">Index of the branch.</param>
/// <param name="Text">What was held back, to be added to the text.</param>
/// <param name="Reason">Why it ended.</param>
public sealed record BranchFinished(int Branch, string Text, FinishReason Reason) : GenerationEvent;

/// <summary>All branches have ended and are ranked.</summary>
/// <param name="Result">The whole result.</param>
public sealed record GroupFinished(GenerationResult Result) : GenerationEvent;

/// <summary>Why a branch ended.</summary>
public enum FinishReason
{
    /// <summary>The model's end token, a stop token or a stop text.</summary>
    Stop,

    /// <summary>It has as many tokens as it may.</summary>
    Length,
}
