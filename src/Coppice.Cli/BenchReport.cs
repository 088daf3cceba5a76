namespace Coppice.Cli;

/// <summary>What <c>bench --json</c> writes.</summary>
internal sealed record BenchReport(IReadOnlyList<BenchRow> Rows);

/// <summary>One measurement: medians over the repeats.</summary>
/// <param name="PromptTokens">Length of the prompt, m_c.</param>
/// <param name="Samples">Number of samples, b.</param>
/// <param name="Tokens">Decode steps.</param>
/// <param name="Attention">bifurcated or repeated.</param>
/// <param name="PrefillTokensPerSecond">Prompt tokens a second.</param>
/// <param name="MsPerStep">Milliseconds of a step, in which every sample gets a token.</param>
/// <param name="DecodeTokensPerSecond">Tokens of all samples a second.</param>
/// <param name="KvBytesReadPerStep">Bytes of keys and values that attention read, counted; mean over the steps.</param>
/// <param name="KvBytesFormula">The same by the formula, for attention over the whole context.</param>
/// <param name="PeakRssBytes">The process's largest resident size so far.</param>
internal sealed record BenchRow(
    int PromptTokens,
    int Samples,
    int Tokens,
    string Attention,
    double PrefillTokensPerSecond,
    double MsPerStep,
    double DecodeTokensPerSecond,
    long KvBytesReadPerStep,
    long KvBytesFormula,
    long PeakRssBytes);
