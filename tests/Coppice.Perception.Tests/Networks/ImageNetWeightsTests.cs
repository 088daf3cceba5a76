using System.Text;
using Coppice.Graphs;
using Coppice.Perception.Networks;
using Google.Protobuf;

namespace Coppice.Perception.Tests.Networks;

public sealed class ImageNetWeightsTests
{
    private const float Epsilon = 1e-4f;
    private static readonly ResNetPlan s_plan = new([3, 4, 6, 3], [16, 24, 32, 40], true, 8);
    private static readonly Shape s_image = new(1, 3, 64, 96);

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_backbone_with_imported_weights_computes_what_the_file_computes(bool projectionFirst, bool pixels)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("classifier.onnx");
        (Graph file, Dictionary<string, TensorData> stored) = Classifier(s_plan, projectionFirst, normalizesImage: !pixels);
        OnnxFile.Write(file, path, stored);
        ImageScaling scaling = pixels ? ImageScaling.Pixels : ImageScaling.Standard;
        IReadOnlyDictionary<string, TensorData> weights = ImageNetWeights.Read(path, s_plan, scaling);

        var graph = new Graph();
        Value image = graph.Input("image", s_image);
        using (graph.Scope("backbone"))
        {
            Taps taps = ResNet.Of(s_plan)(new NetworkLayers(graph, NormalizationMode.Running), image);
            graph.Output(taps.Res3);
            graph.Output(taps.Res5);
        }

        Assert.Equal(graph.Parameters.Select(p => p.Name).Order(), weights.Keys.Order());
        Assert.All(graph.Parameters, p => Assert.Equal(p.Shape, weights[p.Name].Shape));
        TensorData seen = NetworkCases.Uniform(new Random(1), s_image, 0, 255);
        using var session = new GraphSession(graph, new GraphRunOptions { Threads = 1, Spin = false });
        IReadOnlyDictionary<string, TensorData> found = session.Run(new Dictionary<string, TensorData>(weights) { ["image"] = seen });

        file.Output(file.Find("sum_7")!);
        file.Output(file.Find("sum_16")!);
        using var reference = new GraphSession(OnnxFile.Serialize(file, stored), new GraphRunOptions { Threads = 1, Spin = false });
        IReadOnlyDictionary<string, TensorData> expected = reference.Run(new Dictionary<string, TensorData> { ["data"] = Scaled(seen, scaling) });
        AssertClose(expected["sum_7"], found["backbone.stage2.unit4.sum"]);
        AssertClose(expected["sum_16"], found["backbone.stage4.unit3.sum"]);
    }

    /// <summary>
    /// The file that the ONNX model zoo publishes, resnet50-v2-7.onnx, names layers by their order within a stage, the projection behind the
    /// first unit's three convolutions, and lists all weights as inputs too, as files of version 3 must.
    /// </summary>
    [Fact]
    public void The_published_names_go_to_the_layers_they_stand_for()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("resnet50-v2-7.onnx");
        (Graph file, Dictionary<string, TensorData> stored) = Classifier(s_plan, projectionFirst: false, normalizesImage: true, published: true);
        File.WriteAllBytes(path, [.. OnnxFile.Serialize(file, stored), .. Field(7, [.. stored.Keys.SelectMany(n => Field(11, Field(1, Encoding.UTF8.GetBytes(n))))])]);
        Assert.Equal(["data"], OnnxFile.ReadStructure(path).Inputs);
        IReadOnlyDictionary<string, TensorData> weights = ImageNetWeights.Read(path, s_plan, ImageScaling.Standard);
        foreach ((string ours, string published) in ((string, string)[])
        [
            ("data.bias", "batchnorm0_beta"), ("conv0.weight", "conv0_weight"), ("bn0.scale", "batchnorm1_gamma"),
            ("stage1.unit1.bn1.mean", "stage1_batchnorm0_running_mean"), ("stage1.unit1.conv1.weight", "stage1_conv0_weight"),
            ("stage1.unit1.conv3.weight", "stage1_conv2_weight"), ("stage1.unit1.projection.weight", "stage1_conv3_weight"),
            ("stage1.unit2.conv1.weight", "stage1_conv4_weight"), ("stage2.unit4.bn3.bias", "stage2_batchnorm11_beta"),
            ("stage3.unit6.conv2.weight", "stage3_conv17_weight"), ("stage4.unit3.conv3.weight", "stage4_conv9_weight"),
        ])
            Assert.Equal(stored["resnetv24_" + published].As<float>(), weights["backbone." + ours].As<float>());

        static byte[] Field(int number, byte[] bytes)
        {
            using var stream = new MemoryStream();
            using (var output = new CodedOutputStream(stream, leaveOpen: true))
            {
                output.WriteTag(number, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(ByteString.CopyFrom(bytes));
            }

            return stream.ToArray();
        }
    }

    [Fact]
    public void Other_networks_are_refused_with_the_place_where_they_differ()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("classifier.onnx");
        (Graph file, Dictionary<string, TensorData> stored) = Classifier(s_plan with { Units = [3, 4, 6, 2] }, false, true);
        OnnxFile.Write(file, path, stored);
        Assert.Contains("stage4.unit3.conv1: 0 convolutions; expected 1", Refusal(s_plan), StringComparison.Ordinal);
        Assert.Contains("is [10, 32, 1, 1]; expected [11, 32, 1, 1]", Refusal(s_plan with { Widths = [16, 24, 32, 44] }), StringComparison.Ordinal);
        File.WriteAllText(path, "a text");
        Assert.StartsWith(path, Refusal(s_plan), StringComparison.Ordinal);

        string Refusal(ResNetPlan plan) => Assert.Throws<GraphException>(() => ImageNetWeights.Read(path, plan, ImageScaling.Standard)).Message;
    }

    /// <summary>
    /// A ResNet v2 classifier as others export it: names without meaning, layers in an order of their own, a pooled linear layer at the end.
    /// Published names: those of the model zoo's file.
    /// </summary>
    private static (Graph Graph, Dictionary<string, TensorData> Stored) Classifier(
        ResNetPlan plan, bool projectionFirst, bool normalizesImage, bool published = false)
    {
        var graph = new Graph("classifier");
        var stored = new Dictionary<string, TensorData>();
        var random = new Random(7);
        int sums = 0;
        string scope = "resnetv24_";
        var layers = new Dictionary<string, int>();
        Value x = graph.Input("data", s_image);
        if (normalizesImage) x = Normalize(x);
        x = Normalize(Conv(x, plan.Stem, 7, 2)).Relu().MaxPool(3, new Window { Stride = 2, Padding = 1 });
        for (int stage = 0; stage < 4; stage++)
        {
            scope = $"resnetv24_stage{stage + 1}_";
            for (int unit = 0; unit < plan.Units[stage]; unit++)
            {
                int width = plan.Widths[stage], stride = unit == 0 && stage > 0 ? 2 : 1;
                Value active = Normalize(x).Relu();
                Value? projection = unit == 0 && projectionFirst ? Conv(active, width, 1, stride) : null;
                Value y = Conv(active, width / 4, 1, 1);
                y = Conv(Normalize(y).Relu(), width / 4, 3, stride);
                y = Conv(Normalize(y).Relu(), width, 1, 1);
                if (unit == 0) projection ??= Conv(active, width, 1, stride);
                string name = $"sum_{++sums}";
                x = projectionFirst ? (projection ?? x).Add(y, name) : y.Add(projection ?? x, name);
            }
        }

        scope = "resnetv24_";
        Value pooled = Normalize(x).Relu().GlobalAveragePool().Reshape(new(1, x.Shape[1]));
        graph.Output(pooled.MatMul(Weight(Layer("dense") + "_weight", new(x.Shape[1], 10), -1, 1)));
        return (graph, stored);

        string Layer(string kind)
        {
            int index = layers[scope + kind] = layers.GetValueOrDefault(scope + kind, -1) + 1;
            return $"{scope}{kind}{index}";
        }

        Value Weight(string name, Shape shape, float low, float high)
        {
            if (!published) name = $"w{stored.Count}";
            stored[name] = NetworkCases.Uniform(random, shape, low, high);
            return graph.Parameter(name, shape);
        }

        Value Conv(Value image, int results, int kernel, int stride)
        {
            float most = MathF.Sqrt(6f / (image.Shape[1] * kernel * kernel));
            Value weight = Weight(Layer("conv") + "_weight", new(results, image.Shape[1], kernel, kernel), -most, most);
            return image.Conv(weight, null, new Window { Stride = stride, Padding = kernel / 2 });
        }

        Value Normalize(Value image)
        {
            Shape channels = new(image.Shape[1]);
            string layer = Layer("batchnorm");
            Value scale = Weight(layer + "_gamma", channels, 0.5f, 1.5f), bias = Weight(layer + "_beta", channels, -0.5f, 0.5f);
            Value mean = Weight(layer + "_running_mean", channels, -0.5f, 0.5f);
            return image.BatchNormalization(scale, bias, mean, Weight(layer + "_running_var", channels, 0.5f, 1.5f), Epsilon);
        }
    }

    private static TensorData Scaled(TensorData image, ImageScaling scaling)
    {
        float[] pixels = image.As<float>().ToArray();
        int plane = pixels.Length / 3;
        for (int i = 0; i < pixels.Length; i++) pixels[i] = ((pixels[i] * scaling.Factor) - scaling.Mean[i / plane]) / scaling.Deviation[i / plane];
        return TensorData.Of<float>(image.Shape, pixels);
    }

    private static void AssertClose(TensorData expected, TensorData found)
    {
        Assert.Equal(expected.Shape, found.Shape);
        float[] x = expected.As<float>().ToArray(), y = found.As<float>().ToArray();
        float greatest = x.Max(MathF.Abs);
        for (int i = 0; i < x.Length; i++) Assert.Equal(x[i], y[i], 2e-4f * greatest);
    }
}
