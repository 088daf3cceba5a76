using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>
/// Finds what normalizations need at inference: the mean statistics of batches of unchanged training scenes under given weights, which may
/// be averaged ones that no training step ran with.
/// </summary>
internal sealed class StatisticsPass : IDisposable
{
    private const int Batch = 8, Batches = 12;

    private readonly PerceptionConfig _config;
    private readonly ISceneSet _scenes;
    private readonly Graph _graph = new("statistics");
    private readonly GraphSession _session;
    private readonly Dictionary<string, GraphBuffer> _buffers = new(StringComparer.Ordinal);
    private readonly IReadOnlyList<Value> _parameters;

    /// <summary>Makes the session.</summary>
    /// <param name="config">The network.</param>
    /// <param name="scenes">Training scenes.</param>
    /// <param name="run">How the graph is run.</param>
    public StatisticsPass(PerceptionConfig config, ISceneSet scenes, GraphRunOptions run)
    {
        (_config, _scenes) = (config, scenes);
        _parameters = PerceptionWeights.Parameters(config);
        PerceptionNetwork.Build(_graph, _graph.Input("image", new(Batch, 3, config.Height, config.Width)), config, NormalizationMode.Batch);
        foreach (Value value in _graph.Inputs.Concat(_graph.Parameters).Concat(_graph.Outputs)) _buffers[value.Name] = new GraphBuffer(value);
        _session = new GraphSession(_graph, run);
    }

    /// <summary>Weights for inference: those of training, and statistics.</summary>
    public IReadOnlyDictionary<string, TensorData> Complete(IReadOnlyDictionary<string, TensorData> weights)
    {
        foreach (Value parameter in _graph.Parameters) _buffers[parameter.Name].Load(weights[parameter.Name]);
        GraphBuffer[] inputs = [.. _session.InputNames.Select(n => _buffers[n])], outputs = [.. _session.OutputNames.Select(n => _buffers[n])];
        var sums = _graph.Outputs.ToDictionary(o => o.Name, o => new double[o.Shape.Count], StringComparer.Ordinal);
        var order = new SceneOrder(_scenes.Count, 0);
        int pixels = 3 * _config.Width * _config.Height;
        for (int batch = 0; batch < Batches; batch++)
        {
            for (int i = 0; i < Batch; i++)
            {
                // Batches as mixed as those of training: of scenes that are alike the variance is less.
                SceneBatches.WriteImage(SceneChanges.Sized(_scenes.Read(order.At((batch * Batch) + i)), _config).Image, _buffers["image"].As<float>().Slice(i * pixels, pixels));
            }

            _session.Run(inputs, outputs);
            foreach ((string name, double[] sum) in sums)
            {
                ReadOnlySpan<float> found = _buffers[name].As<float>();
                for (int c = 0; c < sum.Length; c++) sum[c] += found[c] / Batches;
            }
        }

        return _parameters.ToDictionary(
            p => p.Name,
            p => sums.TryGetValue(p.Name, out double[]? sum) ? TensorData.Of<float>(p.Shape, Array.ConvertAll(sum, s => (float)s)) : weights[p.Name],
            StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        foreach (GraphBuffer buffer in _buffers.Values) buffer.Dispose();
    }
}
