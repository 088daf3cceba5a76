using Coppice.Graphs;
using Coppice.Perception.Data;
using Coppice.Perception.Detection;
using Coppice.Perception.Inference;
using Coppice.Perception.Networks;
using Coppice.Perception.Tests.Networks;

namespace Coppice.Perception.Tests.Inference;

public sealed class PerceiverTests
{
    private const int Width = 96, Height = 64;
    private static readonly GraphRunOptions s_run = new() { Threads = 1 };
    private static readonly PerceiverOptions s_options = new() { Run = s_run, Decoding = new DecodingOptions { ScoreThreshold = 0.2f } };

    [Fact]
    public void A_picture_of_any_size_is_perceived_at_its_own_size()
    {
        using var folder = new TemporaryFolder();
        using Perceiver perceiver = Perceiver.Load(Weights(folder), s_options);
        foreach ((int width, int height) in ((int, int)[])[(Width, Height), (200, 90), (16, 16), (Width, Height)])
        {
            PerceivedScene scene = perceiver.Perceive(Noise(width, height));
            Assert.Equal((width, height), (scene.Width, scene.Height));
            Assert.Equal(width * height, scene.Labels.Length);
            Assert.All(scene.Objects, o => Assert.True(o.X1 >= 0 && o.X2 <= 1 && o.Y1 >= 0 && o.Y2 <= 1 && o.Score >= 0.2f));
        }

        Assert.Contains("expected at least 16x16", Assert.Throws<SceneFormatException>(() => perceiver.Perceive(Noise(15, 40))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_picture_gives_the_same_answer_and_the_one_before_leaves_nothing()
    {
        using var folder = new TemporaryFolder();
        using Perceiver perceiver = Perceiver.Load(Weights(folder), s_options);
        PerceivedScene scene = perceiver.Perceive(Noise(Width, Height));
        DetectedObject[] objects = [.. scene.Objects];
        byte[] labels = scene.Labels.ToArray();
        Assert.NotEmpty(objects);
        perceiver.Perceive(Noise(130, 70, 2));
        scene = perceiver.Perceive(Noise(Width, Height));
        Assert.Equal(objects, scene.Objects);
        Assert.Equal(labels, scene.Labels.ToArray());
    }

    [Fact]
    public void An_exported_network_takes_plain_pixels_and_scores_them_alike()
    {
        using var folder = new TemporaryFolder();
        string weights = Weights(folder), onnx = folder.File("net.onnx");
        Perceiver.Export(weights, onnx, s_options);
        RgbImage image = Noise(Width, Height);
        var planes = new float[3 * Width * Height];
        for (int i = 0; i < planes.Length; i++) planes[i] = image.Pixels[(i % (Width * Height) * 3) + (i / (Width * Height))];
        using var session = new GraphSession(File.ReadAllBytes(onnx), s_run);
        IReadOnlyDictionary<string, TensorData> found = session.Run(new Dictionary<string, TensorData> { ["image"] = TensorData.Of<float>(new(1, 3, Height, Width), planes) });
        Assert.Equal(["boxes", "classes", "labels"], found.Keys.Order());
        var decoded = new List<DetectedObject>();
        new BoxDecoder(new Anchors(Width, Height), 8, s_options.Decoding).Decode(found["classes"].As<float>(), found["boxes"].As<float>(), decoded);
        using Perceiver perceiver = Perceiver.Load(weights, s_options);
        IReadOnlyList<DetectedObject> expected = perceiver.Perceive(image).Objects;
        Assert.Equal(expected.Count, decoded.Count);
        Assert.All(expected.Zip(decoded), p => Assert.True(p.First.Class == p.Second.Class && Math.Abs(p.First.X1 - p.Second.X1) < 1e-3 && Math.Abs(p.First.DistanceMeters - p.Second.DistanceMeters) < 0.05));
    }

    [Fact]
    public void Eight_bits_need_ranges_and_then_answer_nearly_the_same()
    {
        using var folder = new TemporaryFolder();
        string weights = Weights(folder);
        PerceiverOptions eight = s_options with { Precision = PerceptionPrecision.Int8 };
        Assert.Contains("no ranges for int8", Assert.Throws<GraphException>(() => Perceiver.Load(weights, eight)).Message, StringComparison.Ordinal);
        RgbImage[] images = [.. Enumerable.Range(0, 4).Select(i => Noise(Width, Height, i))];
        Perceiver.Calibrate(weights, images, s_run);
        using Perceiver exact = Perceiver.Load(weights, s_options), rounded = Perceiver.Load(weights, eight);
        int same = 0;
        byte[] labels = exact.Perceive(images[1]).Labels.ToArray();
        ReadOnlySpan<byte> found = rounded.Perceive(images[1]).Labels;
        for (int i = 0; i < labels.Length; i++) same += labels[i] == found[i] ? 1 : 0;
        Assert.InRange(same, labels.Length * 9 / 10, labels.Length);
        Assert.NotEqual(labels, found.ToArray());
    }

    [Fact]
    public void Bytes_and_plain_pixels_give_a_quantized_network_the_same()
    {
        using var folder = new TemporaryFolder();
        string weights = Weights(folder), onnx = folder.File("net.onnx");
        RgbImage image = Noise(Width, Height);
        Perceiver.Calibrate(weights, [image], s_run);
        PerceiverOptions eight = s_options with { Precision = PerceptionPrecision.Int8 };
        Perceiver.Export(weights, onnx, eight);
        var planes = new float[3 * Width * Height];
        for (int i = 0; i < planes.Length; i++) planes[i] = image.Pixels[(i % (Width * Height) * 3) + (i / (Width * Height))];
        using var session = new GraphSession(File.ReadAllBytes(onnx), s_run);
        TensorData scores = session.Run(new Dictionary<string, TensorData> { ["image"] = TensorData.Of<float>(new(1, 3, Height, Width), planes) })["labels"];
        var labels = new byte[Width * Height];
        new LabelMap(19, Height / 2, Width / 2, 1, Height / 2f, Width / 2f).Write(scores.As<float>(), labels, Width, Height);
        using Perceiver perceiver = Perceiver.Load(weights, eight);
        ReadOnlySpan<byte> found = perceiver.Perceive(image).Labels;
        int same = 0;
        for (int i = 0; i < labels.Length; i++) same += labels[i] == found[i] ? 1 : 0;
        Assert.InRange(same, labels.Length * 95 / 100, labels.Length);
    }

    [Fact]
    public void An_overlay_has_the_picture_with_a_legend_below()
    {
        using var folder = new TemporaryFolder();
        using Perceiver perceiver = Perceiver.Load(Weights(folder), s_options);
        RgbImage image = Noise(200, 100);
        RgbImage drawn = Overlay.Draw(image, perceiver.Perceive(image), perceiver.Config);
        Assert.Equal(200, drawn.Width);
        Assert.True(drawn.Height > 100);
        Assert.NotEqual(image.Pixels, drawn.Pixels[..image.Pixels.Length]);
    }

    /// <summary>A network of first weights whose normalizations fit noise, so that activations stay in range.</summary>
    [Fact]
    public void Loading_makes_each_managed_copy_of_the_weights_once()
    {
        using var folder = new TemporaryFolder();
        string weights = Weights(folder);
        Perceiver.Load(weights, s_options).Dispose();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Perceiver.Load(weights, s_options).Dispose();
        // Read, folded and serialized; the graphs take as much as one more of these small weights.
        double copies = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)new FileInfo(weights).Length;
        Assert.InRange(copies, 3, 4.5);
    }

    [Fact]
    public void A_network_is_prepared_for_one_session_and_lets_go_of_its_bytes()
    {
        using var folder = new TemporaryFolder();
        PreparedNetwork network = PreparedNetwork.Load(Weights(folder), s_options);
        using GraphSession session = network.Open(s_run);
        Assert.Equal([new Shape(1, 3, Height, Width)], Shapes(session.NewInputs()));
        Assert.Equal(session.OutputNames.Count, Shapes(session.NewOutputs()).Length);
        Assert.Throws<InvalidOperationException>(() => network.Open(s_run));
    }

    private static Shape[] Shapes(GraphBuffer[] buffers) => Array.ConvertAll(buffers, b =>
    {
        using (b) return b.Shape;
    });

    private static string Weights(TemporaryFolder folder)
    {
        string path = folder.File("weights.safetensors");
        PerceptionConfig config = NetworkCases.Config(PerceptionVariant.Fast, Width, Height) with { LabelStride = 2 };
        (Graph graph, PerceptionOutputs _) = NetworkCases.Build(config, NormalizationMode.Batch);
        var given = new Dictionary<string, TensorData>(PerceptionWeights.Initial(graph.Parameters, 3))
        {
            ["image"] = NetworkCases.Uniform(new Random(4), new(1, 3, Height, Width), 0, 255),
        };
        using var session = new GraphSession(graph, s_run);
        IReadOnlyDictionary<string, TensorData> statistics = session.Run(given);
        PerceptionWeights.Save(path, config, PerceptionWeights.Parameters(config).ToDictionary(p => p.Name, p => statistics.TryGetValue(p.Name, out TensorData? found) ? found : given[p.Name]));
        return path;
    }

    private static RgbImage Noise(int width, int height, int seed = 1)
    {
        var image = new RgbImage(width, height);
        new Random(seed).NextBytes(image.Pixels);
        return image;
    }
}
