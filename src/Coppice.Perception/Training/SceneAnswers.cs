using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>
/// A network with weights that may be exchanged, answering one scene at a time: for measuring in the middle of training. Not safe for
/// several threads.
/// </summary>
internal sealed class SceneAnswers : IDisposable
{
    private readonly PerceptionConfig _config;
    private readonly Graph _graph = new("perception");
    private readonly GraphSession _session;
    private readonly Dictionary<string, GraphBuffer> _buffers = new(StringComparer.Ordinal);
    private readonly GraphBuffer[] _inputs, _outputs;
    private readonly PerceptionOutputs _yielded;
    private readonly BoxDecoder? _decoder;

    /// <summary>Makes the session.</summary>
    /// <param name="config">The network.</param>
    /// <param name="run">How the graph is run.</param>
    /// <param name="mode">Which statistics normalizations use; those of the image are the authors' choice at inference.</param>
    /// <param name="decoding">Which boxes are kept.</param>
    public SceneAnswers(PerceptionConfig config, GraphRunOptions run, NormalizationMode mode = NormalizationMode.Running, DecodingOptions? decoding = null)
    {
        _config = config;
        Value image = _graph.Input("image", new(1, 3, config.Height, config.Width));
        PerceptionOutputs outputs = PerceptionNetwork.Build(_graph, image, config, mode);
        Value? labels = outputs.Labels is null ? null : Whole(outputs.Labels, config);
        _yielded = new PerceptionOutputs(Yield(outputs.Classes), Yield(outputs.Boxes), Yield(labels));
        foreach (Value value in _graph.Inputs.Concat(_graph.Parameters).Concat(_graph.Outputs)) _buffers[value.Name] = new GraphBuffer(value);
        _session = new GraphSession(_graph, run);
        _inputs = [.. _session.InputNames.Select(n => _buffers[n])];
        _outputs = [.. _session.OutputNames.Select(n => _buffers[n])];
        if (config.Detects) _decoder = new BoxDecoder(new Anchors(config.Width, config.Height), config.ObjectClasses.Count, decoding);
    }

    /// <summary>Exchanges the weights.</summary>
    /// <param name="weights">All parameters by name; statistics too, unless they are the image's.</param>
    public void Load(IReadOnlyDictionary<string, TensorData> weights)
    {
        foreach (Value parameter in _graph.Parameters) _buffers[parameter.Name].Load(weights[parameter.Name]);
    }

    /// <summary>Answers one image.</summary>
    /// <param name="image">Of the config's size.</param>
    /// <param name="objects">Filled with what is found; emptied without detection.</param>
    /// <param name="labels">[height, width], filled with classes; untouched without segmentation.</param>
    public void Answer(RgbImage image, List<DetectedObject> objects, Span<byte> labels)
    {
        if (image.Width != _config.Width || image.Height != _config.Height)
            throw new GraphException($"an image of {image.Width}x{image.Height}; expected {_config.Width}x{_config.Height}");
        SceneBatches.WriteImage(image, _buffers["image"].As<float>());
        _session.Run(_inputs, _outputs);
        objects.Clear();
        _decoder?.Decode(_buffers[_yielded.Classes!.Name].As<float>(), _buffers[_yielded.Boxes!.Name].As<float>(), objects);
        if (_yielded.Labels is { } scores) Greatest(_buffers[scores.Name].As<float>(), labels);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        foreach (GraphBuffer buffer in _buffers.Values) buffer.Dispose();
    }

    private Value? Yield(Value? value) => value is null ? null : _graph.Output(value);

    private static Value Whole(Value scores, PerceptionConfig config)
    {
        Extent size = new(config.Height, config.Width);
        return config.Variant == PerceptionVariant.Fast ? FastNetwork.Enlarge(scores, config.LabelStride, size) : scores.Softmax(1).ResizeByProducts(size);
    }

    /// <summary>The class of the greatest score of each pixel.</summary>
    private static void Greatest(ReadOnlySpan<float> scores, Span<byte> classes)
    {
        int pixels = classes.Length;
        float[] best = scores[..pixels].ToArray();
        classes.Clear();
        for (int c = 1; c * pixels < scores.Length; c++)
        {
            ReadOnlySpan<float> plane = scores.Slice(c * pixels, pixels);
            for (int i = 0; i < pixels; i++)
            {
                if (plane[i] > best[i]) (best[i], classes[i]) = (plane[i], (byte)c);
            }
        }
    }
}
