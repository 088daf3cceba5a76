namespace Coppice.Sampling;

/// <summary>A drawn token.</summary>
/// <param name="Token">Its id.</param>
/// <param name="Logprob">The natural logarithm of its probability under the unmodified model: no penalty, bias, temperature or truncation.</param>
public readonly record struct SampledToken(int Token, double Logprob);

/// <summary>One of the most likely tokens of a position.</summary>
/// <param name="Token">Its id.</param>
/// <param name="Logprob">The natural logarithm of its probability under the unmodified model.</param>
public readonly record struct TokenLogprob(int Token, double Logprob);

/// <summary>What a draw depends on besides the logits.</summary>
/// <param name="Options">How to draw.</param>
/// <param name="Seed">The request's seed.</param>
/// <param name="Branch">The index of the branch among the request's samples.</param>
/// <param name="Position">The position the token is drawn for; each draw of a branch has its own.</param>
/// <param name="History">The branch's tokens so far; may be null unless <see cref="SamplingOptions.NeedsHistory"/>.</param>
public readonly record struct SamplerState(
    SamplingOptions Options, ulong Seed, int Branch, long Position, TokenHistory? History = null);
