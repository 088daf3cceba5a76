using Coppice.Kernels;

namespace Coppice.Cli;

/// <summary>What <c>bench --ladder --json</c> writes: the rungs from the machine up. Every time is the least of the rounds, every rate the largest.</summary>
/// <param name="Model">The file's name.</param>
/// <param name="Architecture">The model's architecture.</param>
/// <param name="Threads">Threads that computed.</param>
/// <param name="KernelPath">The instruction set of the kernels.</param>
/// <param name="PromptTokens">Length of the prompt.</param>
/// <param name="Rounds">Rounds of measurements.</param>
/// <param name="Machine">What the process can reach.</param>
/// <param name="Kernels">Each kernel over all layers, against the machine.</param>
/// <param name="Sampling">Drawing a token.</param>
/// <param name="Steps">The decoder's steps, against their kernels and the machine.</param>
/// <param name="Runs">Whole runs, against the steps.</param>
internal sealed record LadderReport(
    string Model,
    string Architecture,
    int Threads,
    string KernelPath,
    int PromptTokens,
    int Rounds,
    LadderMachine Machine,
    IReadOnlyList<LadderKernelRow> Kernels,
    IReadOnlyList<LadderSamplingRow> Sampling,
    IReadOnlyList<LadderStepRow> Steps,
    IReadOnlyList<LadderRunRow> Runs);

/// <summary>The limits.</summary>
/// <param name="MemoryGbPerSecond">Reading memory.</param>
/// <param name="FmaGflopPerSecond">Fused multiply-add of floats.</param>
/// <param name="Vnni256GopPerSecond">256-bit dot products of bytes; null where there are none.</param>
/// <param name="Vnni512GopPerSecond">512-bit dot products of bytes; null where there are none.</param>
/// <param name="Quiet">Whether the threads have a core each.</param>
internal sealed record LadderMachine(
    LadderRate MemoryGbPerSecond, LadderRate FmaGflopPerSecond, LadderRate? Vnni256GopPerSecond, LadderRate? Vnni512GopPerSecond, bool Quiet)
{
    public static LadderMachine Of(MachineLimits limits) => new(
        LadderRate.Of(limits.MemoryRead),
        LadderRate.Of(limits.MultiplyAdd),
        limits.ByteDot256 is { } narrow ? LadderRate.Of(narrow) : null,
        limits.ByteDot512 is { } wide ? LadderRate.Of(wide) : null,
        limits.IsQuiet);
}

/// <summary>A rate in billions a second.</summary>
/// <param name="OneThread">Of one thread.</param>
/// <param name="AllThreads">Of all.</param>
/// <param name="Ratio">All over one.</param>
internal sealed record LadderRate(double OneThread, double AllThreads, double Ratio)
{
    public static LadderRate Of(MachineRate rate) => new(rate.One / 1e9, rate.All / 1e9, rate.Ratio);
}

/// <summary>A kernel over all layers of a step.</summary>
/// <param name="Phase">decode or prefill.</param>
/// <param name="Rows">Rows of the step.</param>
/// <param name="Kernel">What it computes.</param>
/// <param name="Types">How its weights, or keys and values, are stored; empty for elementwise kernels.</param>
/// <param name="Ms">Milliseconds.</param>
/// <param name="Bytes">Bytes of weights, or of keys and values, read once; of elementwise kernels read and written.</param>
/// <param name="ByteOperations">Multiplications and additions of bytes.</param>
/// <param name="FloatOperations">Multiplications and additions of floats.</param>
/// <param name="GbPerSecond">Bytes over time.</param>
/// <param name="GopPerSecond">Operations over time.</param>
/// <param name="Bound">memory, vnni or fma, whichever is nearer; null for elementwise kernels, which work within the caches.</param>
/// <param name="BoundMs">Milliseconds the machine needs for it.</param>
/// <param name="PercentOfBound">BoundMs over Ms: how much of the machine it reaches.</param>
internal sealed record LadderKernelRow(
    string Phase,
    int Rows,
    string Kernel,
    string Types,
    double Ms,
    long Bytes,
    double ByteOperations,
    double FloatOperations,
    double GbPerSecond,
    double GopPerSecond,
    string? Bound,
    double? BoundMs,
    double? PercentOfBound)
{
    public static LadderKernelRow Of(LadderStep step, LadderTally tally, MachineLimits limits)
    {
        KernelWork work = tally.Work;
        double memory = work.MemorySeconds(limits), arithmetic = work.ArithmeticSeconds(limits);
        string bound = memory >= arithmetic ? "memory" : work.ByteOperations > work.FloatOperations && limits.ByteDot is not null ? "vnni" : "fma";
        double boundSeconds = Math.Max(memory, arithmetic);
        return new LadderKernelRow(
            step.Phase,
            step.Rows,
            tally.Name,
            tally.Types,
            tally.Seconds * 1e3,
            work.Bytes,
            work.ByteOperations,
            work.FloatOperations,
            work.Bytes / tally.Seconds / 1e9,
            work.Operations / tally.Seconds / 1e9,
            tally.Bounded ? bound : null,
            tally.Bounded ? boundSeconds * 1e3 : null,
            tally.Bounded ? 100 * boundSeconds / tally.Seconds : null);
    }
}

/// <summary>Drawing one token.</summary>
/// <param name="Sampling">greedy, or how it is drawn.</param>
/// <param name="Vocabulary">Logits of a row.</param>
/// <param name="MsPerRow">Milliseconds.</param>
internal sealed record LadderSamplingRow(string Sampling, int Vocabulary, double MsPerRow);

/// <summary>A step of the decoder.</summary>
/// <param name="Phase">decode or prefill.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Ms">Milliseconds.</param>
/// <param name="KernelsMs">Sum over its kernels.</param>
/// <param name="MemoryMs">Bytes of all kernels over the memory's rate.</param>
/// <param name="ArithmeticMs">Operations of all kernels over the processor's rate.</param>
/// <param name="BoundMs">Sum of the kernels' bounds, each the larger of the two.</param>
/// <param name="TokensPerSecond">Rows over time.</param>
/// <param name="PercentOfKernels">KernelsMs over Ms.</param>
/// <param name="PercentOfBound">BoundMs over Ms.</param>
internal sealed record LadderStepRow(
    string Phase,
    int Rows,
    double Ms,
    double KernelsMs,
    double MemoryMs,
    double ArithmeticMs,
    double BoundMs,
    double TokensPerSecond,
    double PercentOfKernels,
    double PercentOfBound);

/// <summary>A phase of a whole run through the engine: sampling, detokenizing and events included.</summary>
/// <param name="Phase">decode or prefill.</param>
/// <param name="Samples">Number of samples.</param>
/// <param name="TokensPerSecond">Tokens of all samples, or of the prompt, a second.</param>
/// <param name="StepTokensPerSecond">The same of as many steps of the decoder in a row.</param>
/// <param name="PercentOfStep">Of it.</param>
internal sealed record LadderRunRow(string Phase, int Samples, double TokensPerSecond, double StepTokensPerSecond, double PercentOfStep);
