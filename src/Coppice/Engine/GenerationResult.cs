using Coppice.Sampling;

namespace Coppice;

/// <summary>One continuation.</summary>
/// <param name="Index">Its branch, 0 to samples - 1.</param>
/// <param name="Text">The text, without the prompt and without a stop text.</param>
/// <param name="TokenIds">Its tokens, without an end token.</param>
/// <param name="Logprobs">Each token's natural-log probability under the model.</param>
/// <param name="FinishReason">Why it ended.</param>
/// <param name="TotalLogprob">Sum over its tokens, the end token included.</param>
/// <param name="MeanLogprob">The same per token.</param>
/// <param name="Rank">1 is best.</param>
/// <param name="Score">What it was ranked by.</param>
/// <param name="Answer">What the answer pattern found in it, or null.</param>
/// <param name="IsDuplicate">Whether a better-ranked continuation has the same text (where duplicates are looked for).</param>
public sealed record Choice(
    int Index,
    string Text,
    IReadOnlyList<int> TokenIds,
    IReadOnlyList<float> Logprobs,
    FinishReason FinishReason,
    double TotalLogprob,
    double MeanLogprob,
    int Rank,
    double Score,
    string? Answer,
    bool IsDuplicate)
{
    /// <summary>For each token the most likely ones of its position under the model, best first; empty where none were asked for.</summary>
    public IReadOnlyList<IReadOnlyList<TokenLogprob>> TopLogprobs { get; init; } = [];
}

/// <summary>How long a request took.</summary>
/// <param name="Prefill">From its first step to the kept logits of the prompt.</param>
/// <param name="Decode">From there to the last token.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="Steps">Decode steps.</param>
/// <param name="DecodedTokens">Tokens sampled in those steps (the first of each branch costs no step).</param>
public sealed record GenerationTimings(TimeSpan Prefill, TimeSpan Decode, int PromptTokens, int Steps, long DecodedTokens)
{
    /// <summary>Prompt tokens a second, reused ones included.</summary>
    public double PrefillTokensPerSecond => Rate(PromptTokens, Prefill);

    /// <summary>Tokens of all branches a second of decoding.</summary>
    public double DecodeTokensPerSecond => Rate(DecodedTokens, Decode);

    private static double Rate(long count, TimeSpan time) => time > TimeSpan.Zero ? count / time.TotalSeconds : 0;
}

/// <summary>What attention read of keys and values in the decode steps of a request, counted by the kernel.</summary>
/// <param name="Steps">Decode steps.</param>
/// <param name="ContextBytesRead">Of the shared context.</param>
/// <param name="BranchBytesRead">Of the branches' own tokens.</param>
public sealed record AttentionTraffic(long Steps, long ContextBytesRead, long BranchBytesRead);

/// <summary>Memory of a request's keys and values, whole pages.</summary>
/// <param name="ContextBytes">The shared context.</param>
/// <param name="BranchBytes">The branches' own tokens, at their most.</param>
public sealed record KvMemory(long ContextBytes, long BranchBytes);

/// <summary>The continuations of one prompt, best first.</summary>
/// <param name="Choices">In the order of their rank.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="ReusedTokens">Of them, how many had their keys and values already.</param>
/// <param name="Seed">The seed that was used: with it the same answer comes again.</param>
/// <param name="Timings">Times.</param>
/// <param name="Memory">Memory.</param>
/// <param name="Traffic">Bytes read.</param>
public sealed record GenerationResult(
    IReadOnlyList<Choice> Choices,
    int PromptTokens,
    int ReusedTokens,
    ulong Seed,
    GenerationTimings Timings,
    KvMemory Memory,
    AttentionTraffic Traffic);
