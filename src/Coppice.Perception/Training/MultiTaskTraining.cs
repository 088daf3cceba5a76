using Coppice.Graphs;
using Coppice.Graphs.Training;
using Coppice.Perception.Data;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>
/// Trains a network of any variant for one task or several together and writes its weights; weights, checkpoint and curve have one name
/// with other endings. A run that was stopped goes on from its checkpoint and ends with the same bits.
/// </summary>
public sealed class MultiTaskTraining : IDisposable
{
    private readonly PerceptionRecipe _recipe;
    private readonly PerceptionConfig _config;
    private readonly KeptScenes _scenes, _heldOutScenes;
    private readonly string _identity, _path;
    private readonly string? _from;
    private readonly GraphRunOptions _run;
    private readonly StatisticsPass _statistics;
    private readonly SceneAnswers _answers;

    /// <summary>Makes ready for training; scenes are read when they are needed, and brought to the network's size.</summary>
    /// <param name="recipe">The recipe; its stages have its own size.</param>
    /// <param name="config">The network, at the recipe's size.</param>
    /// <param name="training">Scenes to learn.</param>
    /// <param name="heldOut">Scenes to measure on.</param>
    /// <param name="path">The file of weights, safetensors.</param>
    /// <param name="threads">Threads to compute with; 0 for one a core.</param>
    /// <param name="from">A file of weights to start from, see <see cref="StartWeights"/>; null for random ones.</param>
    /// <exception cref="GraphException">Recipe or config are not as they must be, or the scenes have other classes.</exception>
    public MultiTaskTraining(PerceptionRecipe recipe, PerceptionConfig config, ISceneSet training, ISceneSet heldOut, string path, int threads = 0, string? from = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(heldOut);
        ArgumentException.ThrowIfNullOrEmpty(path);
        recipe.Check();
        config.Check();
        foreach (PerceptionStage stage in recipe.Stages)
        {
            if (stage.Width != config.Width || stage.Height != config.Height)
                throw new GraphException($"a stage of {stage.Width}x{stage.Height}; expected {config.Width}x{config.Height}, the network's size, which anchors depend on");
        }

        (_recipe, _config, _path, _from) = (recipe, config, path, from);
        _identity = $"{training.Name}, {training.Count} scenes\n{string.Join('\n', config.ToMetadata().Select(m => $"{m.Key}={m.Value}"))}\n{recipe.ToJson()}{StartWeights.Identity(from)}";
        _run = new GraphRunOptions { Threads = threads, Spin = false };
        _scenes = new KeptScenes(training, config);
        _heldOutScenes = heldOut == training ? _scenes : new KeptScenes(heldOut, config);
        _statistics = new StatisticsPass(config, _scenes, _run);
        _answers = new SceneAnswers(config, _run);
    }

    /// <summary>Where weights, optimizer state and step are kept between sessions.</summary>
    public string CheckpointPath => Path.ChangeExtension(_path, ".checkpoint.safetensors");

    /// <summary>The curve.</summary>
    public string CurvePath => Path.ChangeExtension(_path, ".curve.csv");

    /// <summary>The last step's loss of each task, unweighted.</summary>
    public IReadOnlyDictionary<string, float> Losses { get; private set; } = new Dictionary<string, float>();

    /// <summary>What the last measurement on the held-out scenes found.</summary>
    public SceneScore? Score { get; private set; }

    /// <summary>Trains, or goes on from the checkpoint, to the last step or until cancelled, and writes the weights as they then are.</summary>
    /// <param name="checkpointEvery">Time between checkpoints.</param>
    /// <param name="report">Called for each point of the curve.</param>
    /// <param name="stepped">Called after each step with its number and the images of a batch.</param>
    /// <param name="cancel">Ends the run after the step in hand.</param>
    /// <returns>Whether the last step was reached.</returns>
    /// <exception cref="TrainingDivergedException">Loss or gradients are not finite; what was before the step is saved.</exception>
    /// <exception cref="GraphException">The checkpoint is of another recipe or other data.</exception>
    public bool Run(TimeSpan checkpointEvery, Action<CurvePoint>? report = null, Action<long, int>? stepped = null, CancellationToken cancel = default)
    {
        long done = StepsOf(CheckpointPath), before = 0;
        bool ended = true;
        foreach (PerceptionStage stage in _recipe.Stages)
        {
            long end = before + stage.Steps;
            if (ended && (done < end || end == _recipe.Steps)) ended = RunStage(stage, end, checkpointEvery, report, stepped, cancel);
            before = end;
        }

        return ended;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _statistics.Dispose();
        _answers.Dispose();
    }

    private bool RunStage(
        PerceptionStage stage, long end, TimeSpan checkpointEvery, Action<CurvePoint>? report, Action<long, int>? stepped, CancellationToken cancel)
    {
        var graph = new MultiTaskGraph(_config, stage.Batch, _recipe.Loss);
        IReadOnlyDictionary<string, TensorData> first = StartWeights.Over(PerceptionWeights.Initial(graph.Graph.Parameters, (ulong)_recipe.Seed), _from);
        using var trainer = new Trainer(graph.Graph, graph.Loss.Total, first, Options());
        var batches = new SceneBatches(_scenes, _config, graph, _recipe.Seed, SceneChanges.Of(stage, _recipe));
        var run = new TrainingRun(trainer, new TrainingRunOptions
        {
            Steps = end,
            Checkpoint = CheckpointPath,
            CheckpointEvery = checkpointEvery,
            Curve = CurvePath,
            Settings = _identity,
            EvaluateEvery = _recipe.EvaluateEvery,
        })
        {
            Report = report,
            Stepped = step =>
            {
                Losses = graph.Parts.ToDictionary(p => p.Name, p => trainer.Buffer(p.Loss).As<float>()[0], StringComparer.Ordinal);
                stepped?.Invoke(step, stage.Batch);
            },
            Evaluate = () => Measure(trainer),
        };
        var queue = new BatchQueue<SceneBatch>(batches.Make);
        bool ended = run.Run((step, _) => Load(queue.Take(step), step, graph, trainer), cancel);
        IReadOnlyDictionary<string, TensorData> weights = Weights(trainer);
        PerceptionWeights.Save(_path, _config, weights, new Dictionary<string, string>(Perceiver.Calibration(_config, weights, _scenes, _run))
        {
            ["name"] = _recipe.Name,
            ["steps"] = $"{trainer.StepCount}",
        });
        return ended;
    }

    private static void Load(SceneBatch batch, long step, MultiTaskGraph graph, Trainer trainer)
    {
        batch.Image.CopyTo(trainer.Buffer(graph.Image).As<float>());
        if (graph.Loss.ClassTargets is { } classes)
        {
            batch.Classes.CopyTo(trainer.Buffer(classes).As<long>());
            batch.Boxes.CopyTo(trainer.Buffer(graph.Loss.BoxTargets!).As<float>());
            batch.BoxMask.CopyTo(trainer.Buffer(graph.Loss.BoxMask!).As<float>());
        }

        graph.Phases?.Load(trainer, step);
        if (graph.Loss.LabelTargets is { } labels) batch.Labels.CopyTo(trainer.Buffer(labels).As<long>());
    }

    private TrainerOptions Options() => new()
    {
        Optimizer = new AdamW { Beta2 = 0.99f },
        LearningRate = new LearningRate { Peak = _recipe.LearningRate, WarmupSteps = _recipe.WarmupSteps, Steps = _recipe.Steps, Floor = 0.01f },
        WeightDecay = _recipe.WeightDecay,
        Groups = [WeightGroup.VectorsUndecayed],
        ClipNorm = _recipe.ClipNorm,
        AverageDecay = _recipe.AverageDecay,
        Run = _run,
    };

    private IReadOnlyDictionary<string, TensorData> Weights(Trainer trainer) => _statistics.Complete(trainer.Weights(_recipe.AverageDecay > 0));

    /// <summary>One number for the curve: the mean of mAP and mIoU, of those that there are.</summary>
    private double Measure(Trainer trainer)
    {
        _answers.Load(Weights(trainer));
        Score = SceneScore.Of(_answers, _config, _heldOutScenes);
        return Score.Summary;
    }

    private static long StepsOf(string checkpoint) =>
        File.Exists(checkpoint) && long.TryParse(Safetensors.Read(checkpoint).Metadata.GetValueOrDefault("step"), out long steps) ? steps : 0;
}
