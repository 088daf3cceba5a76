// The ladder: machine, kernels, step, run, each held against the one below. On a shared machine rates drift from minute to minute,
// so all rungs are measured in rounds, a little of each in turn, and of each the best round counts: a maximum of what the machine
// gives against a maximum of what the software makes of it.
using System.Diagnostics;
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Sampling;

namespace Coppice.Cli;

/// <summary>Measures all rungs of one model.</summary>
internal sealed class LadderRun : IDisposable
{
    private readonly LadderModel _model;
    private readonly LadderPlan _plan;
    private readonly BenchRunner _runner;
    private readonly LimitMeter _meter;
    private readonly List<LadderStage> _stages = [];
    private readonly LadderSampling[] _sampling;
    private readonly double[] _decodeRates;
    private double _prefillRate;

    /// <summary>Prepares the rungs: the prompt is filled in, each kernel runs once.</summary>
    /// <param name="model">The model.</param>
    /// <param name="engine">The same model, to be run as a whole.</param>
    /// <param name="plan">What is measured.</param>
    /// <param name="kv">How the engine stores keys and values.</param>
    /// <param name="cancel">Ends it.</param>
    public LadderRun(LadderModel model, Engine engine, LadderPlan plan, KvType kv, CancellationToken cancel)
    {
        (_model, _plan) = (model, plan);
        _runner = new BenchRunner(engine, plan.Runs, kv);
        _decodeRates = new double[plan.Samples.Length];
        int vocabulary = model.Config.Vocabulary;
        _sampling =
        [
            new LadderSampling("greedy", new SamplingOptions { Temperature = 0 }, vocabulary),
            new LadderSampling("temperature 0.8, top-p 0.95", new SamplingOptions { Temperature = 0.8, TopP = 0.95 }, vocabulary),
        ];
        model.FillIn(cancel);
        foreach (int samples in plan.Samples) _stages.Add(new LadderStage(model, LadderModel.Decode(samples)));
        _stages.Add(new LadderStage(model, model.Prefill()));
        _meter = new LimitMeter(model.Team);
    }

    /// <summary>Rounds made.</summary>
    public int Rounds { get; private set; }

    /// <summary>Makes the rounds.</summary>
    /// <param name="progress">Is told what is being measured.</param>
    /// <param name="cancel">Ends it; the rounds that are done count.</param>
    public async Task MeasureAsync(Action<string> progress, CancellationToken cancel)
    {
        long started = Stopwatch.GetTimestamp();
        while (_plan.WantsRound(Rounds, Stopwatch.GetElapsedTime(started)))
        {
            string round = $"round {Rounds + 1}";
            foreach (LadderStage stage in _stages)
            {
                progress($"{round}: machine");
                _meter.Measure();
                progress($"{round}: kernels and step of {stage.Step.Phase}, rows {stage.Step.Rows}");
                stage.Measure(cancel);
            }

            foreach (LadderSampling sampling in _sampling) sampling.Measure(_model.Logits(1));
            for (int i = 0; i < _plan.Samples.Length; i++)
            {
                progress($"{round}: whole run, samples {_plan.Samples[i]}");
                _stages[i].MeasureInARow(_plan.Tokens, cancel);
                BenchRow row = (await _runner.MeasureAsync(_plan.PromptTokens, _plan.Samples[i], cancel))[0];
                _decodeRates[i] = Math.Max(_decodeRates[i], row.DecodeTokensPerSecond);
                _prefillRate = Math.Max(_prefillRate, row.PrefillTokensPerSecond);
                _stages[^1].MeasureInARow(1, cancel);
            }

            Rounds++;
        }
    }

    /// <summary>What the rounds gave.</summary>
    /// <param name="modelName">What the model is called.</param>
    public LadderReport Report(string modelName)
    {
        MachineLimits limits = _meter.Limits;
        LadderRunRow[] runs =
        [
            .. _plan.Samples.Select((samples, i) => Run(LadderStep.Decode, samples, _decodeRates[i], _stages[i])),
            Run(LadderStep.Prefill, 1, _prefillRate, _stages[^1]),
        ];
        return new LadderReport(
            modelName,
            _model.Config.Architecture.Name,
            _model.Team.Threads,
            _model.KernelPath.ToString().ToLowerInvariant(),
            _plan.PromptTokens,
            Rounds,
            LadderMachine.Of(limits),
            [.. _stages.SelectMany(stage => stage.KernelRows(limits))],
            [.. _sampling.Select(sampling => sampling.Row())],
            [.. _stages.Select(stage => stage.StepRow(limits))],
            runs);
    }

    /// <summary>Returns the memory, the model's and the engine's not.</summary>
    public void Dispose()
    {
        _meter.Dispose();
        foreach (LadderStage stage in _stages) stage.Dispose();
    }

    private static LadderRunRow Run(string phase, int samples, double rate, LadderStage stage) =>
        new(phase, samples, rate, stage.TokensPerSecondInARow, 100 * rate / stage.TokensPerSecondInARow);
}
