using System.Text.Json.Serialization;
using Coppice.Kernels.Attention;
using Coppice.Ranking;

namespace Coppice.Cli.Evaluation;

/// <summary>What results depend on: the first line of a results file.</summary>
/// <param name="CoppiceEval">Version of the form.</param>
/// <param name="Set">The problems.</param>
/// <param name="Model">The model.</param>
/// <param name="Verify">The check.</param>
/// <param name="Temperature">How tokens are drawn.</param>
/// <param name="TopK">Likewise.</param>
/// <param name="TopP">Likewise.</param>
/// <param name="MinP">Likewise.</param>
/// <param name="Seed">Seed of all problems' seeds.</param>
/// <param name="MaxTokens">Tokens of a sample at most.</param>
/// <param name="Stop">Texts that end a sample; null: those of the problem.</param>
/// <param name="Kv">Type of keys and values.</param>
/// <param name="Weights">Where weights are: time depends on it, texts do not.</param>
/// <param name="Kernels">The kernel path; likewise.</param>
/// <param name="Threads">Threads that compute; likewise.</param>
internal sealed record EvalSettings(
    int CoppiceEval, string Set, string Model, string Verify, double Temperature, int TopK, double TopP, double MinP, ulong Seed,
    int MaxTokens, IReadOnlyList<string>? Stop, string Kv, string Weights, string Kernels, int Threads)
{
    /// <summary>The property that tells a results file from any other.</summary>
    public const string Mark = "coppice_eval";
}

/// <summary>A finished problem of a run: one line of a results file.</summary>
/// <param name="Problem">Its key.</param>
/// <param name="Samples">Samples of the run.</param>
/// <param name="Attention">bifurcated or repeated.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="Tokens">Tokens of all samples.</param>
/// <param name="Seconds">From the request to the last token.</param>
/// <param name="VerifySeconds">What checking took; samples that another run had judged took nothing.</param>
/// <param name="ContextKvBytesRead">Keys and values of the prompt that attention read.</param>
/// <param name="Choices">By index. [samples]</param>
internal sealed record EvalOutcome(
    string Problem, int Samples, string Attention, int PromptTokens, long Tokens, double Seconds, double VerifySeconds, long ContextKvBytesRead,
    IReadOnlyList<EvalChoice> Choices)
{
    /// <summary>How the prompt was read; null where it is spelled otherwise.</summary>
    public AttentionMode? Mode() =>
        Attention == Spelling.Of(AttentionMode.Bifurcated) ? AttentionMode.Bifurcated
        : Attention == Spelling.Of(AttentionMode.Repeated) ? AttentionMode.Repeated
        : null;

    /// <summary>The samples as the estimators take them.</summary>
    public JudgedSample[] Judged() =>
        [.. Choices.Select(choice => new JudgedSample(choice.Text, choice.MeanLogprob ?? double.NegativeInfinity, choice.Right))];
}

/// <summary>A judged sample.</summary>
/// <param name="Text">Its text.</param>
/// <param name="MeanLogprob">Per token; null where there is none.</param>
/// <param name="Right">What the check said.</param>
/// <param name="Reason">What is wrong; null where nothing is.</param>
internal sealed record EvalChoice(
    string Text, double? MeanLogprob, bool Right, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Reason);
