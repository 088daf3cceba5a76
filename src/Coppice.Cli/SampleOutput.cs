using System.Globalization;
using System.Text;
using Coppice.Cli.Verifying;
using Coppice.Kernels.Attention;

namespace Coppice.Cli;

/// <summary>Tells what a run has given: for people or as a document.</summary>
internal sealed class SampleOutput(Engine engine, EngineOptions options, GenerationRequest request, SampleRun run)
{
    /// <summary>The document.</summary>
    public SampleReport Report(string model) => new(
        model,
        request.PromptTokens!.Count,
        run.Result?.ReusedTokens ?? 0,
        [.. run.Ranked(request.Ranking).OrderBy(sample => sample.Index).Select(sample => new SampleChoice(
            sample.Index, sample.Text, sample.TokenIds, sample.Logprobs, Spelling.Of(sample.Reason),
            double.IsFinite(sample.MeanLogprob) ? sample.MeanLogprob : null, sample.Rank,
            sample.Verdict?.IsRight, sample.Verdict?.Reason))],
        Timings(),
        Memory(),
        Traffic(),
        engine.KernelPath.ToString().ToLowerInvariant(),
        engine.Threads);

    /// <summary>The samples as they rank, and a line on speed and one on what was read.</summary>
    public void WriteText(TextWriter output)
    {
        bool terminal = output == Console.Out && !Console.IsOutputRedirected;
        IReadOnlyList<RankedSample> ranked = run.Ranked(request.Ranking);
        foreach (RankedSample sample in ranked)
        {
            string answer = sample.Answer is { } found && request.Ranking.AnswerPattern is not null ? $"  answer {Visible(found)}" : "";
            Line(output, $"#{sample.Rank}  score {sample.MeanLogprob:0.0000}  {sample.TokenIds.Count} tokens  {Spelling.Of(sample.Reason)}{answer}{Judgement(sample.Verdict)}");
            output.WriteLine(terminal ? Visible(sample.Text) : sample.Text);
            output.WriteLine();
        }

        WriteVerdicts(output, ranked, request);
        SampleTimings timings = Timings();
        Line(output, $"prefill {request.PromptTokens!.Count} tokens, {timings.PrefillTokensPerSecond:0.0} t/s; decode {run.Tokens} tokens, {timings.DecodeTokensPerSecond:0.0} t/s; {engine.KernelPath.ToString().ToLowerInvariant()}, {engine.Threads} threads");
        if (run.Result is { Traffic: { Steps: > 0 } traffic }) WriteTraffic(output, traffic);
    }

    private static string Judgement(Verdict? verdict) =>
        verdict is null ? "" : $"  {(verdict.IsRight ? "right" : "wrong")}: {Visible(verdict.Reason)}";

    private static void WriteVerdicts(TextWriter output, IReadOnlyList<RankedSample> ranked, GenerationRequest request)
    {
        RankedSample[] judged = [.. ranked.Where(sample => sample.Verdict is not null)];
        if (judged.Length == 0) return;
        RankedSample[] right = [.. judged.Where(sample => sample.Verdict!.IsRight)];
        string unjudged = judged.Length < ranked.Count ? $"; {ranked.Count - judged.Length} not checked" : "";
        if (request.Ranking.RemoveDuplicates)
        {
            Line(output, $"right: {right.Length} of {judged.Length} different texts that {request.Samples} samples gave{unjudged}");
            return;
        }

        int different = right.Select(sample => sample.Text.Trim()).Distinct(StringComparer.Ordinal).Count();
        Line(output, $"right: {right.Length} of {judged.Length} samples, {different} different{unjudged}");
    }

    /// <summary>
    /// Each step that reads the context once would, with repeated attention, read it once for every live sample: as often as
    /// it gave tokens.
    /// </summary>
    private void WriteTraffic(TextWriter output, AttentionTraffic traffic)
    {
        string read = SizeText.Bytes(traffic.ContextBytesRead);
        if (options.Attention == AttentionMode.Repeated)
        {
            Line(output, $"the prompt's keys and values: {read} read in {traffic.Steps} steps, by every sample for itself");
            return;
        }

        long decoded = run.Result!.Timings.DecodedTokens;
        long repeated = (long)((Int128)traffic.ContextBytesRead * decoded / traffic.Steps);
        double less = (double)decoded / traffic.Steps;
        Line(output, $"the prompt's keys and values: {read} read in {traffic.Steps} steps; every sample for itself would have read {SizeText.Bytes(repeated)}, {less:0.0} times as much");
    }

    private SampleTimings Timings()
    {
        double load = engine.LoadTime.TotalMilliseconds;
        if (run.Result is { Timings: var t })
            return new(load, t.Prefill.TotalMilliseconds, t.Decode.TotalMilliseconds, t.PrefillTokensPerSecond, t.DecodeTokensPerSecond);
        (TimeSpan prefill, TimeSpan decode) = (run.Prefill, run.Decode);
        return new(
            load, prefill.TotalMilliseconds, decode.TotalMilliseconds, Rate(request.PromptTokens!.Count, prefill), Rate(run.DecodedTokens, decode));
    }

    private SampleMemory Memory()
    {
        if (run.Result is { Memory: var memory }) return new(memory.ContextBytes, memory.BranchBytes, PeakMemory.Bytes());
        long page = KvStore.PageTokens * engine.Model.KvBytesPerToken(options.KvType);
        long branchPages = run.Ranked(request.Ranking).Sum(sample => (long)EngineLoading.Pages(Math.Max(0, sample.TokenIds.Count - 1)));
        return new(EngineLoading.Pages(request.PromptTokens!.Count) * page, branchPages * page, PeakMemory.Bytes());
    }

    private SampleTraffic Traffic() => run.Result is { Traffic: var traffic }
        ? new(Spelling.Of(options.Attention), traffic.Steps, traffic.ContextBytesRead, traffic.BranchBytesRead)
        : new(Spelling.Of(options.Attention), run.Steps, null, null);

    private static double Rate(long count, TimeSpan time) => time > TimeSpan.Zero ? count / time.TotalSeconds : 0;

    private static void Line(TextWriter output, FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    /// <summary>Text without the control characters that would steer a terminal; line ends and tabs stay.</summary>
    private static string Visible(string text)
    {
        var visible = new StringBuilder(text.Length);
        foreach (char c in text) visible.Append(char.IsControl(c) && c is not ('\n' or '\r' or '\t') ? '\uFFFD' : c);
        return visible.ToString();
    }
}
