using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Inference;

/// <summary>
/// From a decoded picture to objects with their distances and the class of each pixel: fit, network, decoding of boxes, labels. Buffers are
/// made once. Not safe for several threads.
/// </summary>
public sealed class Perceiver : IDisposable
{
    /// <summary>The least side of a picture in which there is something to perceive, pixels.</summary>
    public const int LeastSide = 16;

    private const int CalibrationImages = 48;

    private readonly GraphSession _session;
    private readonly GraphBuffer[] _inputs;
    private readonly GraphBuffer[] _outputs;
    private readonly Dictionary<string, GraphBuffer> _named;
    private readonly ImageFitting _fitting;
    private readonly float[][]? _floats;
    private readonly byte[][]? _bytes;
    private readonly BoxDecoder? _decoder;
    private readonly LabelMap? _labels;
    private readonly PerceivedScene _scene = new();

    private Perceiver(PreparedNetwork network, PerceiverOptions options)
    {
        Config = network.Config;
        Precision = options.Precision;
        (_floats, _bytes) = (network.Floats, network.Bytes);
        _session = network.Open(options.Run);
        _inputs = _session.NewInputs();
        _outputs = _session.NewOutputs();
        _named = _session.OutputNames.Zip(_outputs).ToDictionary(StringComparer.Ordinal);
        _fitting = new ImageFitting(Config.Width, Config.Height);
        if (Config.Detects) _decoder = new BoxDecoder(new Anchors(Config.Width, Config.Height), Config.ObjectClasses.Count, options.Decoding);
        if (!Config.Segments) return;
        Shape scores = _named[InferenceNetwork.Labels].Shape;
        int parts = InferenceNetwork.Parts(Config), stride = Config.LabelStride;
        _labels = new LabelMap(scores[1] / (parts * parts), scores[2], scores[3], parts, (float)Config.Height / stride, (float)Config.Width / stride, Config.LabelOffset / stride);
        _scene.HasLabels = true;
    }

    /// <summary>The network, at the size it is run at.</summary>
    public PerceptionConfig Config { get; }

    /// <summary>In which numbers it is computed.</summary>
    public PerceptionPrecision Precision { get; }

    /// <summary>Makes a network ready.</summary>
    /// <param name="path">Its weights.</param>
    /// <param name="options">How; null for defaults.</param>
    /// <exception cref="GraphException">The file is not one of weights, a size can't be built, or weights for int8 hold no ranges.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static Perceiver Load(string path, PerceiverOptions? options = null)
    {
        options ??= new PerceiverOptions();
        return new Perceiver(PreparedNetwork.Load(path, options), options);
    }

    /// <summary>Makes a network ready.</summary>
    /// <param name="config">What it is built from.</param>
    /// <param name="weights">Its parameters by name.</param>
    /// <param name="metadata">Texts beside the weights, ranges for int8 among them.</param>
    /// <param name="options">How; null for defaults.</param>
    /// <exception cref="GraphException">A weight is missing, a size can't be built, or there are no ranges for int8.</exception>
    public static Perceiver Create(
        PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights, IReadOnlyDictionary<string, string> metadata, PerceiverOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(metadata);
        options ??= new PerceiverOptions();
        return new Perceiver(PreparedNetwork.Of(config, weights, metadata, options), options);
    }

    /// <summary>Perceives a picture of any size.</summary>
    /// <param name="image">The picture, of sides of at least <see cref="LeastSide"/>.</param>
    /// <returns>What was found; overwritten by the next call.</returns>
    /// <exception cref="SceneFormatException">The picture is smaller.</exception>
    public PerceivedScene Perceive(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        CheckSize(image, "the picture");
        ReadOnlySpan<byte> pixels = _fitting.Fit(image);
        if (_bytes is not null) Split(pixels, _bytes, _inputs[0].As<byte>());
        else Split(pixels, _floats!, _inputs[0].As<float>());
        _session.Run(_inputs, _outputs);
        (_scene.Width, _scene.Height) = (image.Width, image.Height);
        _decoder?.Decode(_named[InferenceNetwork.Classes].As<float>(), _named[InferenceNetwork.Boxes].As<float>(), _scene.Found);
        if (_labels is null) return _scene;
        int count = image.Width * image.Height;
        if (_scene.LabelBytes.Length < count) _scene.LabelBytes = new byte[count];
        _labels.Write(_named[InferenceNetwork.Labels].As<float>(), _scene.LabelBytes.AsSpan(0, count), image.Width, image.Height);
        return _scene;
    }

    /// <summary>Refuses a picture in which there is nothing to perceive.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="name">What the message calls it.</param>
    /// <exception cref="SceneFormatException">It is too small.</exception>
    public static void CheckSize(RgbImage image, string name)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (image.Width < LeastSide || image.Height < LeastSide)
            throw new SceneFormatException($"{name}: expected at least {LeastSide}x{LeastSide} pixels; found {image.Width}x{image.Height}");
    }

    /// <summary>Writes the network as a plain ONNX file: image [1, 3, height, width], RGB from 0 to 255; classes, boxes and labels as <see cref="PerceptionOutputs"/> says.</summary>
    /// <param name="weightsPath">The weights.</param>
    /// <param name="path">The ONNX file.</param>
    /// <param name="options">Size and precision; null for defaults.</param>
    /// <exception cref="GraphException">As for <see cref="Load"/>.</exception>
    /// <exception cref="IOException">A file can't be read or written.</exception>
    public static void Export(string weightsPath, string path, PerceiverOptions? options = null)
    {
        options ??= new PerceiverOptions();
        (PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights, IReadOnlyDictionary<string, string> metadata) = PerceptionWeights.Load(weightsPath);
        config = PreparedNetwork.Sized(config, options);
        FoldedGraph folded = InferenceNetwork.Fold(config, weights, foldImage: false);
        Graph graph = folded.Graph;
        if (options.Precision == PerceptionPrecision.Int8)
            graph = QuantizedGraph.Of(folded, InferenceNetwork.ReadRanges(metadata), bytes: false, out _, out _);
        foreach ((string key, string value) in config.ToMetadata()) graph.Metadata[key] = value;
        OnnxFile.Write(graph, path);
    }

    /// <summary>Finds the ranges that int8 needs on images, and keeps them in the file of weights.</summary>
    /// <param name="weightsPath">The weights, written anew.</param>
    /// <param name="images">Images as they will be perceived, some dozens.</param>
    /// <param name="run">How the graph is run.</param>
    /// <exception cref="GraphException">The file is not one of weights, or there is no image.</exception>
    /// <exception cref="IOException">A file can't be read or written.</exception>
    public static void Calibrate(string weightsPath, IEnumerable<RgbImage> images, GraphRunOptions? run = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        (PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights, IReadOnlyDictionary<string, string> metadata) = PerceptionWeights.Load(weightsPath);
        var texts = new Dictionary<string, string>(metadata, StringComparer.Ordinal) { [InferenceNetwork.RangesKey] = Ranges(config, weights, images, run) };
        PerceptionWeights.Save(weightsPath, config, weights, texts);
    }

    /// <summary>The text that int8 needs beside the weights, from some training scenes.</summary>
    internal static IReadOnlyDictionary<string, string> Calibration(
        PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights, ISceneSet scenes, GraphRunOptions run)
    {
        int count = Math.Min(CalibrationImages, scenes.Count);
        IEnumerable<RgbImage> images = Enumerable.Range(0, count).Select(i => scenes.Read((int)((long)i * scenes.Count / count)).Image);
        return new Dictionary<string, string> { [InferenceNetwork.RangesKey] = Ranges(config, weights, images, run) };
    }

    private static string Ranges(PerceptionConfig config, IReadOnlyDictionary<string, TensorData> weights, IEnumerable<RgbImage> images, GraphRunOptions? run)
    {
        FoldedGraph folded = InferenceNetwork.Fold(config, weights, foldImage: true);
        float[][] tables = PreparedNetwork.Tables(folded);
        var fitting = new ImageFitting(config.Width, config.Height);
        IEnumerable<TensorData> tensors = images.Select(image =>
        {
            var elements = new float[3 * config.Width * config.Height];
            Split(fitting.Fit(image), tables, elements.AsSpan());
            return TensorData.Of<float>(new(1, 3, config.Height, config.Width), elements);
        });
        return InferenceNetwork.WriteRanges(InferenceNetwork.Calibrate(folded, tensors, run ?? new GraphRunOptions()));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        foreach (GraphBuffer buffer in _inputs.Concat(_outputs)) buffer.Dispose();
    }

    /// <summary>[height, width, 3] -> [3, height, width], each byte by its channel's table.</summary>
    private static void Split<T>(ReadOnlySpan<byte> pixels, T[][] tables, Span<T> planes)
    {
        int count = pixels.Length / 3;
        T[] red = tables[0], green = tables[1], blue = tables[2];
        Span<T> reds = planes[..count], greens = planes.Slice(count, count), blues = planes.Slice(2 * count, count);
        for (int i = 0, at = 0; i < count; i++, at += 3)
        {
            reds[i] = red[pixels[at]];
            greens[i] = green[pixels[at + 1]];
            blues[i] = blue[pixels[at + 2]];
        }
    }
}
