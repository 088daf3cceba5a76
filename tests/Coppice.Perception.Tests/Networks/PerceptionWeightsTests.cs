using Coppice.Graphs;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Tests.Networks;

public sealed class PerceptionWeightsTests
{
    private static readonly PerceptionConfig s_config =
        NetworkCases.Config(PerceptionVariant.ResNet18, 64, 32, PerceptionTasks.Detection | PerceptionTasks.Distance) with { ObjectClasses = ["a\"b", "ü"] };

    [Fact]
    public void What_was_saved_is_loaded_with_its_config()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("weights.safetensors");
        IReadOnlyDictionary<string, TensorData> weights = PerceptionWeights.Initial(PerceptionWeights.Parameters(s_config), 1);
        PerceptionWeights.Save(path, s_config, weights, new Dictionary<string, string> { ["made"] = "by a test" });
        (PerceptionConfig config, IReadOnlyDictionary<string, TensorData> loaded, IReadOnlyDictionary<string, string> metadata) = PerceptionWeights.Load(path);
        Assert.Equal(s_config, config);
        Assert.Equal("by a test", metadata["made"]);
        Assert.Equal(weights.Keys.Order(), loaded.Keys.Order());
        Assert.All(weights, w => Assert.True(w.Value.Bytes.SequenceEqual(loaded[w.Key].Bytes)));
    }

    [Fact]
    public void A_file_says_where_its_scores_of_pixels_lie_and_older_ones_mean_each_fourth_half_a_pixel_off()
    {
        PerceptionConfig fine = NetworkCases.Config(PerceptionVariant.Fast, 64, 32) with { LabelStride = 2, LabelOffset = 0.25f };
        var metadata = new Dictionary<string, string>(fine.ToMetadata());
        Assert.Equal(fine, PerceptionConfig.FromMetadata(metadata));
        metadata.Remove("perception.label_stride");
        metadata.Remove("perception.label_offset");
        Assert.Equal(fine with { LabelStride = 4, LabelOffset = 0.5f }, PerceptionConfig.FromMetadata(metadata));
        Assert.Contains("a label stride of 2 for the variant ResNet18", Assert.Throws<GraphException>((s_config with { LabelStride = 2 }).Check).Message, StringComparison.Ordinal);
        Assert.Contains("a label stride of 1", Assert.Throws<GraphException>((fine with { LabelStride = 1 }).Check).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_are_not_the_network_s_weights_are_refused_by_tensor()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("weights.safetensors");
        IReadOnlyDictionary<string, TensorData> good = PerceptionWeights.Initial(PerceptionWeights.Parameters(s_config), 1);
        TensorData two = TensorData.Of<float>(new(2), [1, 2]);
        Refused(new(good) { ["other"] = two }, s_config.ToMetadata(), "tensor 'other'");
        Refused(new(good) { ["backbone.bn0.scale"] = two }, s_config.ToMetadata(), "tensor 'backbone.bn0.scale' is Float32 [2]; expected Float32 [64]");
        Refused(new(good.Where(w => w.Key != "backbone.bn0.mean")), s_config.ToMetadata(), "no tensor 'backbone.bn0.mean'");
        Refused(new(good), new Dictionary<string, string>(), "'perception.variant' is missing");
        foreach ((string key, string value) in ((string, string)[])[("variant", "x"), ("width", "wide"), ("tasks", "all"), ("label_stride", "two"), ("label_offset", "far"), ("object_classes", "[1]"), ("object_classes", """["a\u001b[2J"]"""), ("label_classes", "{")])
            Refused(new(good), new Dictionary<string, string>(s_config.ToMetadata()) { ["perception." + key] = value }, $"'perception.{key}' is '{value}'; expected");

        void Refused(Dictionary<string, TensorData> weights, IReadOnlyDictionary<string, string> metadata, string expected)
        {
            Safetensors.Write(path, weights, metadata);
            string message = Assert.Throws<GraphException>(() => PerceptionWeights.Load(path)).Message;
            Assert.StartsWith(path, message, StringComparison.Ordinal);
            Assert.Contains(expected, message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void More_classes_than_a_byte_counts_are_refused()
    {
        string[] names = [.. Enumerable.Range(0, 255).Select(i => $"class {i}")];
        (s_config with { ObjectClasses = names[1..] }).Check();
        Assert.Contains("255 object classes; expected 1 to 254", Assert.Throws<GraphException>((s_config with { ObjectClasses = names }).Check).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void First_weights_depend_on_seed_and_name_alone()
    {
        const string Name = "backbone.stage3.unit1.conv2.weight", Head = "detection.level1.boxes.weight";
        IReadOnlyDictionary<string, TensorData> all = First(NetworkCases.Config(PerceptionVariant.ResNet18, 64, 32), 1), some = First(s_config, 1), other = First(s_config, 2);
        Assert.True(all[Name].Bytes.SequenceEqual(some[Name].Bytes));
        Assert.False(all[Name].Bytes.SequenceEqual(other[Name].Bytes));
        float[] elements = all[Name].As<float>().ToArray();
        Assert.Equal(2.0 / (256 * 9), elements.Average(e => (double)e * e), 2e-5);
        float[] head = all[Head].As<float>().ToArray();
        Assert.Equal(1 / 16f, head.Max(), 1e-3f);

        static IReadOnlyDictionary<string, TensorData> First(PerceptionConfig config, ulong seed) =>
            PerceptionWeights.Initial(PerceptionWeights.Parameters(config).Where(p => p.Name is Name or Head), seed);
    }

    [Fact]
    public void First_doubling_interpolates_each_channel()
    {
        var graph = new Graph();
        Value weight = graph.Parameter("up.weight", new(2, 2, 4, 4)), x = graph.Input("x", new(1, 2, 3, 3));
        graph.Output(x.ConvTranspose(weight, null, new Window { Stride = 2, Padding = 1 }, name: "y"));
        using var session = new GraphSession(graph);
        var given = new Dictionary<string, TensorData>(PerceptionWeights.Initial(graph.Parameters, 1))
        {
            ["x"] = TensorData.Of<float>(new(1, 2, 3, 3), [0, 4, 8, 0, 4, 8, 0, 4, 8, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        };
        float[] y = session.Run(given)["y"].As<float>().ToArray();
        Assert.Equal([1, 3, 5, 7], y[13..17]);
        Assert.Equal([1f, 1, 1, 1], y[(36 + 13)..(36 + 17)]);
    }
}
