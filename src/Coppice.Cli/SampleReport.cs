using System.Text.Json.Serialization;
using Coppice.Kernels.Attention;

namespace Coppice.Cli;

/// <summary>What <c>sample --json</c> writes.</summary>
/// <param name="Model">The file, or the random model's shape and type.</param>
/// <param name="PromptTokens">Tokens of the prompt, the begin token included.</param>
/// <param name="ReusedTokens">Of them, how many had their keys and values already.</param>
/// <param name="Choices">By their index.</param>
/// <param name="Timings">Times and rates.</param>
/// <param name="Memory">Bytes of keys and values, and the process's peak.</param>
/// <param name="Traffic">Keys and values read by attention in the decode steps.</param>
/// <param name="Kernels">The kernel path: scalar, avx2 or avx512.</param>
/// <param name="Threads">Threads that computed.</param>
internal sealed record SampleReport(
    string Model,
    int PromptTokens,
    int ReusedTokens,
    IReadOnlyList<SampleChoice> Choices,
    SampleTimings Timings,
    SampleMemory Memory,
    SampleTraffic Traffic,
    string Kernels,
    int Threads);

/// <summary>One sample.</summary>
/// <param name="Index">Its branch.</param>
/// <param name="Text">Without the prompt and without a stop text.</param>
/// <param name="TokenIds">Without an end token.</param>
/// <param name="Logprobs">Each token's natural-log probability. [tokens]</param>
/// <param name="FinishReason">stop, length or cancelled.</param>
/// <param name="MeanLogprob">Per token, the end token included; null where there is no token.</param>
/// <param name="Rank">1 is best; the right ones before all others where samples are verified.</param>
/// <param name="Verified">Whether it is right; left out where it was not checked.</param>
/// <param name="VerifyReason">What the check says of it; left out likewise.</param>
internal sealed record SampleChoice(
    int Index, string Text, IReadOnlyList<int> TokenIds, IReadOnlyList<float> Logprobs, string FinishReason, double? MeanLogprob, int Rank,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] bool? Verified = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? VerifyReason = null);

/// <summary>Milliseconds, and tokens a second; decoding counts the tokens of all samples.</summary>
internal sealed record SampleTimings(
    double LoadMs, double PrefillMs, double DecodeMs, double PrefillTokensPerSecond, double DecodeTokensPerSecond);

/// <summary>Keys and values in whole pages, and the process's largest resident size.</summary>
internal sealed record SampleMemory(long ContextKvBytes, long BranchKvBytes, long PeakRssBytes);

/// <summary>Bytes that attention read, counted; null where the work was cancelled before the count was handed out.</summary>
internal sealed record SampleTraffic(string Attention, long Steps, long? ContextKvBytesRead, long? BranchKvBytesRead);

/// <summary>Names as the command spells them.</summary>
internal static class Spelling
{
    public static string Of(AttentionMode mode) => mode == AttentionMode.Repeated ? "repeated" : "bifurcated";

    public static string Of(WeightStorage storage) => storage == WeightStorage.Mapped ? "mapped" : "packed";

    public static string Of(FinishReason? reason) => reason switch
    {
        null => "cancelled",
        FinishReason.Stop => "stop",
        _ => "length",
    };
}
