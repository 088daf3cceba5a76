using System.Diagnostics;
using Coppice.Kernels;
using Coppice.Sampling;

namespace Coppice.Cli;

/// <summary>One kind of step: its kernels and the whole of it, in turn.</summary>
/// <param name="model">The model, with its prompt filled in.</param>
/// <param name="step">The step.</param>
internal sealed class LadderStage(LadderModel model, LadderStep step) : IDisposable
{
    private const int MostPasses = 8;
    private static readonly TimeSpan RoundTime = TimeSpan.FromSeconds(0.5);
    private readonly LadderKernels _kernels = new(model, step);
    private double _seconds = double.PositiveInfinity;
    private double _secondsInARow = double.PositiveInfinity;

    /// <summary>The step.</summary>
    public LadderStep Step => step;

    /// <summary>A round: some passes, or one where it takes long.</summary>
    public void Measure(CancellationToken cancel)
    {
        long started = Stopwatch.GetTimestamp();
        for (int pass = 0; pass < MostPasses && (pass == 0 || Stopwatch.GetElapsedTime(started) < RoundTime); pass++)
        {
            _kernels.Pass(cancel);
            long start = Stopwatch.GetTimestamp();
            model.Run(step);
            _seconds = Math.Min(_seconds, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }

    /// <summary>
    /// Tokens a second of so many steps in a row, the best of the rounds: what a whole run is held against. A run's rate is a mean over
    /// its steps, with what disturbed some of them, and so is this.
    /// </summary>
    public double TokensPerSecondInARow => step.Rows / _secondsInARow;

    /// <summary>A round of steps in a row.</summary>
    /// <param name="steps">How many.</param>
    /// <param name="cancel">Ends it.</param>
    public void MeasureInARow(int steps, CancellationToken cancel)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < steps; i++)
        {
            cancel.ThrowIfCancellationRequested();
            model.Run(step);
        }

        _secondsInARow = Math.Min(_secondsInARow, Stopwatch.GetElapsedTime(start).TotalSeconds / steps);
    }

    /// <summary>The kernels' rows.</summary>
    public IEnumerable<LadderKernelRow> KernelRows(MachineLimits limits) => _kernels.Tallies.Select(tally => LadderKernelRow.Of(step, tally, limits));

    /// <summary>The step's row.</summary>
    public LadderStepRow StepRow(MachineLimits limits)
    {
        LadderTally[] bounded = [.. _kernels.Tallies.Where(tally => tally.Bounded)];
        double memory = bounded.Sum(tally => tally.Work.MemorySeconds(limits));
        double arithmetic = bounded.Sum(tally => tally.Work.ArithmeticSeconds(limits));
        double bound = bounded.Sum(tally => Math.Max(tally.Work.MemorySeconds(limits), tally.Work.ArithmeticSeconds(limits)));
        return new LadderStepRow(
            step.Phase,
            step.Rows,
            _seconds * 1e3,
            _kernels.Seconds * 1e3,
            memory * 1e3,
            arithmetic * 1e3,
            bound * 1e3,
            step.Rows / _seconds,
            100 * _kernels.Seconds / _seconds,
            100 * bound / _seconds);
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose() => _kernels.Dispose();
}

/// <summary>Drawing tokens from the logits of a step.</summary>
/// <param name="name">How they are drawn.</param>
/// <param name="options">The same for the sampler.</param>
/// <param name="vocabulary">Logits of a row.</param>
internal sealed class LadderSampling(string name, SamplingOptions options, int vocabulary)
{
    private const int Draws = 16;
    private readonly TokenSampler _sampler = new(vocabulary);
    private double _seconds = double.PositiveInfinity;

    /// <summary>A round.</summary>
    /// <param name="logits">[vocabulary].</param>
    public void Measure(ReadOnlySpan<float> logits)
    {
        for (int draw = 0; draw < Draws; draw++)
        {
            long start = Stopwatch.GetTimestamp();
            _ = _sampler.Sample(logits, new SamplerState(options, Seed: 1, Branch: 0, Position: draw));
            _seconds = Math.Min(_seconds, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }

    /// <summary>Its row.</summary>
    public LadderSamplingRow Row() => new(name, vocabulary, _seconds * 1e3);
}
