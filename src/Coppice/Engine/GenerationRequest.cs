using Coppice.Ranking;
using Coppice.Sampling;

namespace Coppice;

/// <summary>N continuations of one prompt: the unit of work.</summary>
public sealed record GenerationRequest
{
    /// <summary>Asks for continuations of a text.</summary>
    /// <param name="prompt">The text; the model's own rules add its begin token.</param>
    public GenerationRequest(string prompt) => Prompt = prompt ?? throw new ArgumentNullException(nameof(prompt));

    /// <summary>Asks for continuations of tokens, which are taken as they are.</summary>
    /// <param name="promptTokens">At least one token.</param>
    public GenerationRequest(IReadOnlyList<int> promptTokens) =>
        PromptTokens = promptTokens ?? throw new ArgumentNullException(nameof(promptTokens));

    /// <summary>The text, or null where tokens were given.</summary>
    public string? Prompt { get; }

    /// <summary>The tokens, or null where a text was given.</summary>
    public IReadOnlyList<int>? PromptTokens { get; }

    /// <summary>How many continuations.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>Tokens each continuation has at most.</summary>
    public int MaxTokens { get; init; } = 128;

    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Texts that end a continuation; they are not part of it.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Tokens that end a continuation, besides the model's own; they are not part of it.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>Whether to go on after the model's own end tokens.</summary>
    public bool IgnoreEnd { get; init; }

    /// <summary>How many of the most likely tokens of each position are told, 0 to 20.</summary>
    public int TopLogprobs { get; init; }

    /// <summary>Whether a prefix of the prompt that the engine has may be used, and kept for others. The answer's bits are the same.</summary>
    public bool ReusePrefix { get; init; } = true;

    /// <summary>A name for logs; it changes nothing.</summary>
    public string? RequestId { get; init; }

    /// <summary>How the finished continuations are ordered.</summary>
    public RankingOptions Ranking { get; init; } = new();
}
