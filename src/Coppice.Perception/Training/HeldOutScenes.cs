using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>
/// Measures weights in the middle of training, and finds the statistics that their normalizations need at inference: those of batches of
/// whole training images under these weights, which need not be the last ones of the optimizer.
/// </summary>
internal sealed class HeldOutScenes : IDisposable
{
    private const int StatisticsBatch = 8, StatisticsBatches = 10;

    private readonly PerceptionConfig _config;
    private readonly IReadOnlyList<Scene> _scenes;
    private readonly Graph _running = new("perception");
    private readonly GraphSession _session;
    private readonly Dictionary<string, GraphBuffer> _buffers = new(StringComparer.Ordinal);
    private readonly Graph _batch = new("statistics");
    private readonly GraphSession _batchSession;
    private readonly Dictionary<string, GraphBuffer> _batchBuffers = new(StringComparer.Ordinal);
    private readonly IReadOnlyList<Scene> _training;

    /// <summary>Makes sessions for whole images.</summary>
    /// <param name="config">The network as it is used; scenes are of its size.</param>
    /// <param name="training">Where statistics are from.</param>
    /// <param name="scenes">What is measured.</param>
    /// <param name="run">How graphs are run.</param>
    public HeldOutScenes(PerceptionConfig config, IReadOnlyList<Scene> training, IReadOnlyList<Scene> scenes, GraphRunOptions run)
    {
        (_config, _training, _scenes) = (config, training, scenes);
        Value image = _running.Input("image", new(1, 3, config.Height, config.Width));
        Value scores = FastNetwork.Build(_running, image, config, NormalizationMode.Running).Outputs.Labels!;
        _running.Output(FastNetwork.Enlarge(scores, 4, new(config.Height, config.Width)).Identity("scores"));
        _session = Session(_running, run, _buffers);
        Value images = _batch.Input("image", new(StatisticsBatch, 3, config.Height, config.Width));
        FastNetwork.Build(_batch, images, config, NormalizationMode.Batch);
        _batchSession = Session(_batch, run, _batchBuffers);
    }

    /// <summary>Weights that inference needs: of those of training the ones that it uses, and statistics.</summary>
    public IReadOnlyDictionary<string, TensorData> Complete(IReadOnlyDictionary<string, TensorData> weights)
    {
        foreach (Value parameter in _batch.Parameters) _batchBuffers[parameter.Name].Load(weights[parameter.Name]);
        Span<float> image = _batchBuffers["image"].As<float>();
        var sums = _batch.Outputs.ToDictionary(o => o.Name, o => new double[o.Shape.Count], StringComparer.Ordinal);
        int pixels = 3 * _config.Width * _config.Height, count = StatisticsBatch * StatisticsBatches;
        for (int i = 0; i < count; i++)
        {
            Scene scene = _training[(int)((long)i * _training.Count / count)];
            PixelAugmentation.WritePlain(scene, image.Slice(i % StatisticsBatch * pixels, pixels), []);
            if ((i + 1) % StatisticsBatch != 0) continue;
            Run(_batchSession, _batchBuffers);
            foreach ((string name, double[] sum) in sums)
            {
                ReadOnlySpan<float> found = _batchBuffers[name].As<float>();
                for (int c = 0; c < sum.Length; c++) sum[c] += found[c];
            }
        }

        var complete = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (Value parameter in _running.Parameters)
        {
            complete[parameter.Name] = sums.TryGetValue(parameter.Name, out double[]? sum)
                ? TensorData.Of<float>(parameter.Shape, Array.ConvertAll(sum, s => (float)(s / StatisticsBatches)))
                : weights[parameter.Name];
        }

        return complete;
    }

    /// <summary>Measures weights with their statistics on all scenes at their full size.</summary>
    public PixelScore Measure(IReadOnlyDictionary<string, TensorData> complete)
    {
        foreach (Value parameter in _running.Parameters) _buffers[parameter.Name].Load(complete[parameter.Name]);
        int classes = _config.LabelClasses.Count;
        var score = new PixelScore(classes);
        byte[] predicted = new byte[_config.Width * _config.Height];
        foreach (Scene scene in _scenes)
        {
            PixelAugmentation.WritePlain(scene, _buffers["image"].As<float>(), []);
            Run(_session, _buffers);
            Greatest(_buffers["scores"].As<float>(), predicted);
            score.Add(scene.Labels, predicted);
        }

        return score;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        _batchSession.Dispose();
        foreach (GraphBuffer buffer in _buffers.Values.Concat(_batchBuffers.Values)) buffer.Dispose();
    }

    private static GraphSession Session(Graph graph, GraphRunOptions run, Dictionary<string, GraphBuffer> buffers)
    {
        foreach (Value value in graph.Inputs.Concat(graph.Parameters).Concat(graph.Outputs)) buffers[value.Name] = new GraphBuffer(value);
        return new GraphSession(graph, run);
    }

    private static void Run(GraphSession session, Dictionary<string, GraphBuffer> buffers) =>
        session.Run([.. session.InputNames.Select(n => buffers[n])], [.. session.OutputNames.Select(n => buffers[n])]);

    /// <summary>The class of the greatest score of each pixel.</summary>
    private static void Greatest(ReadOnlySpan<float> scores, Span<byte> classes)
    {
        int pixels = classes.Length;
        var best = scores[..pixels].ToArray();
        classes.Clear();
        for (int c = 1; c * pixels < scores.Length; c++)
        {
            ReadOnlySpan<float> plane = scores.Slice(c * pixels, pixels);
            for (int i = 0; i < pixels; i++)
            {
                if (plane[i] <= best[i]) continue;
                best[i] = plane[i];
                classes[i] = (byte)c;
            }
        }
    }
}
