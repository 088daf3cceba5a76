using System.Diagnostics;

namespace Coppice.Graphs.Training;

/// <summary>How long a run is and what it leaves.</summary>
public sealed record TrainingRunOptions
{
    /// <summary>Updates in all.</summary>
    public required long Steps { get; init; }

    /// <summary>The checkpoint: read at the start if it is there, written now and then and at the end. Null: none.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>
    /// What the checkpoint must have been made with, best a setting a line; a run with other settings does not go on from it.
    /// </summary>
    public string Settings { get; init; } = "";

    /// <summary>Time between checkpoints.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Steps between points of the curve, each the mean loss since the one before.</summary>
    public int ReportEvery { get; init; } = 50;

    /// <summary>Steps between evaluations; 0 for none but the last.</summary>
    public int EvaluateEvery { get; init; }

    /// <summary>The curve as a CSV file, written with each checkpoint. Null: none.</summary>
    public string? Curve { get; init; }
}

/// <summary>One point of a training curve.</summary>
/// <param name="Step">Updates made.</param>
/// <param name="Loss">Mean loss since the point before.</param>
/// <param name="Rate">Learning rate.</param>
/// <param name="GradientNorm">Norm of the last gradients.</param>
/// <param name="Seconds">Time since the start, of all sessions of the run together.</param>
/// <param name="Held">Result of the evaluation at this step; not a number if there was none.</param>
public sealed record CurvePoint(long Step, double Loss, double Rate, double GradientNorm, double Seconds, double Held);

/// <summary>
/// The loop around a <see cref="Trainer"/>: goes on from the checkpoint, reports, evaluates, saves. A batch must depend on its step's
/// number alone: then a run that was killed and resumed gives the same bits as one that was not.
/// </summary>
/// <param name="trainer">The trainer.</param>
/// <param name="options">How long, and what is left.</param>
public sealed class TrainingRun(Trainer trainer, TrainingRunOptions options)
{
    private List<CurvePoint> _curve = [];
    private double _secondsBefore;

    /// <summary>The points so far.</summary>
    public IReadOnlyList<CurvePoint> Curve => _curve;

    /// <summary>Called for each new point.</summary>
    public Action<CurvePoint>? Report { get; init; }

    /// <summary>Called after each step with its number.</summary>
    public Action<long>? Stepped { get; init; }

    /// <summary>Measures on held-out data; the number goes into the curve.</summary>
    public Func<double>? Evaluate { get; init; }

    /// <summary>Trains to the last step, or until cancelled; what was reached is saved in both cases.</summary>
    /// <param name="fill">Fills the batch's buffers for a step (from 0) and the batch's number within it.</param>
    /// <param name="cancel">Ends the run after the step in hand.</param>
    /// <returns>Whether the last step was reached.</returns>
    /// <exception cref="TrainingDivergedException">Loss or gradients are not finite; the weights of before the step are saved.</exception>
    /// <exception cref="GraphException">The checkpoint is of another run.</exception>
    public bool Run(Action<long, int> fill, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(fill);
        Resume();
        var clock = Stopwatch.StartNew();
        TimeSpan saved = TimeSpan.Zero;
        double losses = 0;
        int counted = 0;
        try
        {
            while (trainer.StepCount < options.Steps && !cancel.IsCancellationRequested)
            {
                long step = trainer.StepCount;
                trainer.Step(batch => fill(step, batch));
                losses += trainer.Loss;
                counted++;
                Stepped?.Invoke(trainer.StepCount);
                bool evaluated = IsDue(options.EvaluateEvery);
                if (evaluated || IsDue(options.ReportEvery))
                {
                    AddPoint(losses / counted, evaluated, _secondsBefore + clock.Elapsed.TotalSeconds);
                    (losses, counted) = (0, 0);
                }

                if (clock.Elapsed - saved < options.CheckpointEvery) continue;
                Save(_secondsBefore + clock.Elapsed.TotalSeconds);
                saved = clock.Elapsed;
            }
        }
        finally
        {
            Save(_secondsBefore + clock.Elapsed.TotalSeconds);
        }

        return trainer.StepCount >= options.Steps;
    }

    private bool IsDue(int every) => trainer.StepCount == options.Steps || (every > 0 && trainer.StepCount % every == 0);

    private void AddPoint(double loss, bool evaluate, double seconds)
    {
        double held = evaluate && Evaluate is not null ? Evaluate() : double.NaN;
        var point = new CurvePoint(trainer.StepCount, loss, trainer.Rate, trainer.GradientNorm, seconds, held);
        _curve.Add(point);
        Report?.Invoke(point);
    }

    private void Resume()
    {
        if (options.Checkpoint is null || !File.Exists(options.Checkpoint)) return;
        IReadOnlyDictionary<string, string> metadata = trainer.Load(options.Checkpoint, CheckSettings);
        if (trainer.StepCount > options.Steps)
            throw new GraphException($"{options.Checkpoint}: it is at step {trainer.StepCount}, beyond the {options.Steps} asked for");
        _secondsBefore = double.TryParse(metadata.GetValueOrDefault("seconds"), out double seconds) ? seconds : 0;
        _curve = options.Curve is null ? [] : [.. CurveFile.Read(options.Curve).Where(p => p.Step <= trainer.StepCount)];
    }

    /// <summary>Refuses a checkpoint of other settings and names the first line that differs.</summary>
    private void CheckSettings(IReadOnlyDictionary<string, string> metadata)
    {
        string made = metadata.GetValueOrDefault("settings", "");
        if (made == options.Settings) return;
        string[] found = made.Split('\n'), expected = options.Settings.Split('\n');
        int line = 0;
        while (line < found.Length && line < expected.Length && found[line] == expected[line]) line++;
        throw new GraphException(
            $"{options.Checkpoint}: it was made with other settings or other data: expected {Line(expected)}, found {Line(found)}; take another file, or delete it to begin anew");

        string Line(string[] lines) => line < lines.Length && lines[line].Trim(' ', ',', '\r') is { Length: > 0 } text ? text : "nothing";
    }

    private void Save(double seconds)
    {
        if (options.Checkpoint is not null)
        {
            trainer.Save(options.Checkpoint, new Dictionary<string, string>
            {
                ["settings"] = options.Settings,
                ["seconds"] = seconds.ToString("F1"),
            });
        }

        if (options.Curve is not null) CurveFile.Write(options.Curve, _curve);
    }
}
