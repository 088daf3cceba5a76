using Coppice.Graphs;
using Coppice.Graphs.Training;
using Coppice.Perception.Data;
using Coppice.Perception.Evaluation;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>
/// Trains a recipe's network and writes its weights; weights, checkpoint and curve have one name with other endings. A stage goes on where
/// the one before ended: only the size of the batch differs.
/// </summary>
public sealed class PerceptionTraining : IDisposable
{
    private readonly PerceptionRecipe _recipe;
    private readonly PerceptionConfig _config;
    private readonly ISceneSet _training;
    private readonly IReadOnlyList<Scene> _scenes;
    private readonly string _identity;
    private readonly string _path;
    private readonly string? _from;
    private readonly GraphRunOptions _run;
    private readonly IReadOnlyList<Scene> _heldOut;
    private readonly StatisticsPass _statistics;
    private readonly SceneAnswers _answers;
    private readonly float[] _classWeights;

    /// <summary>Reads all scenes.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="config">The network, at the size of the held-out scenes.</param>
    /// <param name="training">Scenes to learn, with labels.</param>
    /// <param name="heldOut">Scenes to measure on.</param>
    /// <param name="path">The file of weights, safetensors.</param>
    /// <param name="threads">Threads to compute with; 0 for one a core.</param>
    /// <param name="from">A file of weights to start from, see <see cref="StartWeights"/>; null for random ones.</param>
    /// <exception cref="GraphException">Recipe or config are not as they must be, or scenes are of another size.</exception>
    public PerceptionTraining(PerceptionRecipe recipe, PerceptionConfig config, ISceneSet training, ISceneSet heldOut, string path, int threads = 0, string? from = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(heldOut);
        ArgumentException.ThrowIfNullOrEmpty(path);
        recipe.Check();
        config.Check();
        (_recipe, _config, _path, _from) = (recipe, config, path, from);
        // What only changes what is written at the end is no other training.
        _identity = $"{training.Name}, {training.Count} scenes\n{string.Join('\n', config.ToMetadata().Select(m => $"{m.Key}={m.Value}"))}\n{(recipe with { ClassWeightCorrection = 0 }).ToJson()}{StartWeights.Identity(from)}";
        // Idle threads must not take the core of the task that makes the next batch.
        _run = new GraphRunOptions { Threads = threads, Spin = false };
        var kept = new KeptScenes(training, config);
        _training = kept;
        _scenes = ReadAll(kept, config);
        _heldOut = ReadAll(heldOut, config);
        _statistics = new StatisticsPass(config, kept, _run);
        _answers = new SceneAnswers(config, _run);
        _classWeights = ClassWeights();
    }

    /// <summary>Where weights, optimizer state and step are kept between sessions.</summary>
    public string CheckpointPath => Path.ChangeExtension(_path, ".checkpoint.safetensors");

    /// <summary>The curve.</summary>
    public string CurvePath => Path.ChangeExtension(_path, ".curve.csv");

    /// <summary>IoU of each class at the last measurement.</summary>
    public IReadOnlyDictionary<string, double> Iou { get; private set; } = new Dictionary<string, double>();

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
        long done = StepsOf(CheckpointPath), before = 0, images = 0;
        bool ended = true;
        foreach (PerceptionStage stage in _recipe.Stages)
        {
            long end = before + stage.Steps;
            if (ended && (done < end || end == _recipe.Steps))
            {
                var batches = new PixelBatches(_scenes, _recipe, stage, before, images);
                ended = RunStage(stage, batches, end, checkpointEvery, report, stepped, cancel);
            }

            images += (long)stage.Steps * stage.Batch;
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
        PerceptionStage stage, PixelBatches batches, long end, TimeSpan checkpointEvery, Action<CurvePoint>? report, Action<long, int>? stepped, CancellationToken cancel)
    {
        var graph = new SegmentationGraph(_config with { Width = stage.Width, Height = stage.Height }, stage.Batch, _classWeights, _recipe.AuxiliaryWeight);
        using var trainer = new Trainer(graph.Graph, graph.Loss, StartWeights.Over(FirstWeights.Of(graph.Graph, _recipe.Seed), _from), Options());
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
            Stepped = step => stepped?.Invoke(step, stage.Batch),
            Evaluate = () => Measure(trainer).MeanIou,
        };
        var queue = new BatchQueue<PixelBatch>(batches.Make);
        bool ended = run.Run(
            (step, _) =>
            {
                PixelBatch batch = queue.Take(step);
                graph.Phases.Load(trainer, step);
                batch.Image.CopyTo(trainer.Buffer(graph.Image).As<float>());
                batch.Labels.CopyTo(trainer.Buffer(graph.Labels).As<int>());
            },
            cancel);
        WriteWeights(trainer);
        return ended;
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

    private Dictionary<string, TensorData> Weights(Trainer trainer)
    {
        var weights = new Dictionary<string, TensorData>(_statistics.Complete(trainer.Weights(_recipe.AverageDecay > 0)), StringComparer.Ordinal);
        TensorData bias = weights[FastNetwork.ScoreBias];
        float[] corrected = [.. bias.As<float>().ToArray().Select((b, i) => b - (float)(_recipe.ClassWeightCorrection * Math.Log(_classWeights[i % _classWeights.Length])))];
        weights[FastNetwork.ScoreBias] = TensorData.Of<float>(bias.Shape, corrected);
        return weights;
    }

    private ConfusionMatrix Measure(Trainer trainer)
    {
        _answers.Load(Weights(trainer));
        var score = new ConfusionMatrix(_config.LabelClasses.Count);
        var found = new byte[_config.Width * _config.Height];
        foreach (Scene scene in _heldOut)
        {
            _answers.Answer(scene.Image, [], found);
            score.Add(scene.Labels!, found);
        }

        Iou = _config.LabelClasses.Select((name, i) => (name, score.Iou(i))).ToDictionary(p => p.name, p => p.Item2, StringComparer.Ordinal);
        return score;
    }

    private void WriteWeights(Trainer trainer)
    {
        Dictionary<string, TensorData> weights = Weights(trainer);
        PerceptionWeights.Save(_path, _config, weights, new Dictionary<string, string>(Perceiver.Calibration(_config, weights, _training, _run))
        {
            ["name"] = _recipe.Name,
            ["steps"] = $"{trainer.StepCount}",
        });
    }

    /// <summary>Decodes all scenes, which must have labels and the config's size.</summary>
    private static Scene[] ReadAll(ISceneSet set, PerceptionConfig config)
    {
        var scenes = new Scene[set.Count];
        for (int i = 0; i < scenes.Length; i++)
        {
            Scene scene = set.Read(i);
            if (scene.Labels is null) throw new GraphException($"{set.Name}, scene {i}: expected labels of pixels, found none");
            if (scene.Image.Width != config.Width || scene.Image.Height != config.Height)
                throw new GraphException($"{set.Name}, scene {i}: expected {config.Width}x{config.Height}, found {scene.Image.Width}x{scene.Image.Height}");
            scenes[i] = scene;
        }

        return scenes;
    }

    private float[] ClassWeights()
    {
        var counts = new double[256];
        foreach (Scene scene in _scenes)
        {
            foreach (byte label in scene.Labels!) counts[label]++;
        }

        double all = counts.Take(_config.LabelClasses.Count).Sum();
        if (all == 0) throw new GraphException("the scenes have no labels of the config's classes");
        return [.. counts.Take(_config.LabelClasses.Count).Select(n => (float)(1 / Math.Log(_recipe.ClassWeightOffset + (n / all))))];
    }

    private static long StepsOf(string checkpoint) =>
        File.Exists(checkpoint) && long.TryParse(Safetensors.Read(checkpoint).Metadata.GetValueOrDefault("step"), out long steps) ? steps : 0;
}
