using Coppice.Graphs;
using Coppice.Graphs.Training;

namespace Coppice.Training.LanguageModels;

/// <summary>Trains a recipe's model and writes it: model, checkpoint and curve have one name with other endings.</summary>
public sealed class LanguageModelTraining : IDisposable
{
    private readonly TrainingRecipe _recipe;
    private readonly TrainingTask _task;
    private readonly string _path;
    private readonly LanguageModelGraph _graph;
    private readonly Trainer _trainer;
    private readonly LanguageModelGraph _heldOut;
    private readonly GraphSession _heldOutSession;

    /// <summary>Builds graph and trainer.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="task">What is learned.</param>
    /// <param name="path">The model's file, a GGUF.</param>
    /// <param name="threads">Threads to compute with; 0 for one a core.</param>
    public LanguageModelTraining(TrainingRecipe recipe, TrainingTask task, string path, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(task);
        ArgumentException.ThrowIfNullOrEmpty(path);
        recipe.Check();
        _recipe = recipe;
        _task = task;
        _path = path;
        _heldOut = new LanguageModelGraph(recipe.Shape(task.Vocabulary.Count), task.HeldOutRows, task.Length);
        _heldOut.Graph.Output(_heldOut.Loss);
        _heldOutSession = new GraphSession(_heldOut.Graph, new GraphRunOptions { Threads = threads });
        _graph = new LanguageModelGraph(recipe.Shape(task.Vocabulary.Count), recipe.Rows, task.Length);
        _trainer = new Trainer(_graph.Graph, _graph.Loss, _graph.InitialWeights(recipe.Seed), recipe.TrainerOptions(threads));
    }

    /// <summary>Where weights, optimizer state and step are kept between sessions.</summary>
    public string CheckpointPath => Path.ChangeExtension(_path, ".checkpoint.safetensors");

    /// <summary>The curve.</summary>
    public string CurvePath => Path.ChangeExtension(_path, ".curve.csv");

    /// <summary>Number of weights.</summary>
    public long Parameters => _graph.Graph.Parameters.Sum(p => p.Shape.Count);

    /// <summary>Tokens of one update.</summary>
    public long TokensPerStep => (long)_recipe.Rows * _task.Length * _recipe.Accumulation;

    /// <summary>Updates made so far.</summary>
    public long StepCount => _trainer.StepCount;

    /// <summary>Trains, or goes on from the checkpoint, to the last step or until cancelled, and writes the model as it then is.</summary>
    /// <param name="checkpointEvery">Time between checkpoints; a minute if null.</param>
    /// <param name="report">Called for each point of the curve.</param>
    /// <param name="stepped">Called after each step with its number.</param>
    /// <param name="cancel">Ends the run after the step in hand.</param>
    /// <returns>Whether the last step was reached.</returns>
    /// <exception cref="TrainingDivergedException">Loss or gradients are not finite; what was before the step is saved.</exception>
    /// <exception cref="GraphException">The checkpoint is of another recipe.</exception>
    public bool Run(
        TimeSpan? checkpointEvery = null, Action<CurvePoint>? report = null, Action<long>? stepped = null, CancellationToken cancel = default)
    {
        var run = new TrainingRun(_trainer, new TrainingRunOptions
        {
            Steps = _recipe.Steps,
            Checkpoint = CheckpointPath,
            CheckpointEvery = checkpointEvery ?? TimeSpan.FromMinutes(1),
            Curve = CurvePath,
            Settings = $"{_task.Identity}\n{_recipe.ToJson()}",
            ReportEvery = 50,
            EvaluateEvery = (int)Math.Clamp(_recipe.Steps / 20, 1, 500),
        })
        {
            Report = report,
            Stepped = stepped,
            Evaluate = HeldOutLoss,
        };
        bool ended = run.Run(Fill, cancel);
        WriteModel();
        return ended;
    }

    /// <summary>Mean loss over the held-out rows, with the averaged weights if an average is kept.</summary>
    public double HeldOutLoss()
    {
        var given = new Dictionary<string, TensorData>(Weights(), StringComparer.Ordinal);
        var tokens = new long[_task.HeldOutRows * _task.Length];
        var targets = new long[tokens.Length];
        _task.WriteHeldOut(tokens, targets);
        given[_heldOut.Tokens.Name] = TensorData.Of<long>(_heldOut.Tokens.Shape, tokens);
        given[_heldOut.Targets.Name] = TensorData.Of<long>(_heldOut.Targets.Shape, targets);
        return _heldOutSession.Run(given)[_heldOut.Loss.Name].As<float>()[0];
    }

    /// <summary>Frees sessions and buffers.</summary>
    public void Dispose()
    {
        _heldOutSession.Dispose();
        _trainer.Dispose();
    }

    private IReadOnlyDictionary<string, TensorData> Weights() => _trainer.Weights(averaged: _recipe.AverageDecay > 0);

    private void Fill(long step, int batch)
    {
        long first = ((step * _recipe.Accumulation) + batch) * _recipe.Rows;
        _task.WriteRows(first, _trainer.Buffer(_graph.Tokens).As<long>(), _trainer.Buffer(_graph.Targets).As<long>());
    }

    private void WriteModel() => LanguageModelFile.Write(
        _path, _graph.Shape, _task.Vocabulary, Weights(), _recipe.TensorType, $"{_task.Description} Trained for {_trainer.StepCount} steps.");
}
