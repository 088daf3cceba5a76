namespace Coppice.Graphs.Tests;

/// <summary>Whole networks: their gradients against differences, and what a training graph must not do.</summary>
public sealed class NetworkTests
{
    private static readonly float[] s_steps = [2e-3f, 1e-3f, 5e-4f, 2.5e-4f];
    private static readonly Shape s_images = new(2, 3, 24, 32);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void All_gradients_of_a_residual_segmentation_network_are_the_limits_of_differences(int seed)
    {
        (Graph graph, Value loss) = Segmentation(new Graph());
        graph.Output(loss);
        Value[] weights = [.. graph.Parameters];
        string[] gradients = [.. Gradients.Of(loss, weights).Select(g => graph.Output(g).Name)];
        using var session = new GraphSession(graph, new GraphRunOptions { Threads = 1, Spin = false });
        var random = new Random(seed);
        Dictionary<string, TensorData> given = weights.ToDictionary(w => w.Name, w => Start(random, w));
        given["image"] = FiniteDifferences.Uniform(random, s_images, -1, 1);
        given["labels"] = TensorData.Of<long>(new(2, 24, 32), [.. Enumerable.Range(0, 2 * 24 * 32).Select(_ => random.Next(10) == 0 ? 255L : random.Next(4))]);
        IReadOnlyDictionary<string, TensorData> results = session.Run(given);
        for (int i = 0; i < weights.Length; i++)
        {
            float[] gradient = results[gradients[i]].As<float>().ToArray(), start = given[weights[i].Name].As<float>().ToArray();
            double norm = Math.Sqrt(gradient.Sum(g => (double)g * g));
            Assert.True(norm > 1e-4, $"{weights[i]}: a gradient of norm {norm}");
            // Along the gradient the loss grows by its norm; along a random direction by the product.
            float[] along = Array.ConvertAll(gradient, g => (float)(g / norm));
            AssertSlope(weights[i], along, norm, norm);
            float[] other = FiniteDifferences.Uniform(random, weights[i].Shape, -1, 1).As<float>().ToArray();
            double length = Math.Sqrt(other.Sum(o => (double)o * o));
            for (int e = 0; e < other.Length; e++) other[e] = (float)((other[e] / length) + along[e]);
            AssertSlope(weights[i], other, gradient.Zip(other, (g, o) => (double)g * o).Sum(), norm);

            void AssertSlope(Value weight, float[] direction, double slope, double scale)
            {
                // Wide steps cross the kinks of ReLU and of the greatest, narrow ones drown in rounding: one of them comes close.
                double[] found = Array.ConvertAll(s_steps, step => (Loss(step) - Loss(-step)) / (2 * step));
                Assert.True(
                    found.Min(f => Math.Abs(f - slope)) < 0.02 * scale, $"{weight}: slopes are {string.Join(", ", found)}, expected {slope}");

                double Loss(float step)
                {
                    float[] moved = [.. start.Zip(direction, (s, d) => s + (step * d))];
                    var all = new Dictionary<string, TensorData>(given) { [weight.Name] = TensorData.Of<float>(weight.Shape, moved) };
                    return session.Run(all)[loss.Name].As<float>()[0];
                }
            }
        }
    }

    [Fact]
    public void A_convolution_s_gradients_make_no_value_larger_than_a_few_images()
    {
        foreach ((int channels, int kernel, int stride) in ((int, int, int)[])[(64, 3, 1), (64, 3, 2), (3, 7, 2), (16, 5, 1), (64, 1, 2)])
        {
            var graph = new Graph();
            Value image = graph.Parameter("image", new(2, channels, 48, 64)), weights = graph.Parameter("weights", new(64, channels, kernel, kernel));
            Value result = image.Conv(weights, null, new Window { Stride = stride, Padding = kernel / 2 });
            int before = graph.Nodes.Count;
            Gradients.Of((result * result).Sum(), [image, weights]);
            long most = Math.Max(image.Shape.Count, result.Shape.Count);
            long largest = graph.Nodes.Skip(before).SelectMany(n => n.Outputs).Max(o => o.Shape.Count);
            Assert.True(largest <= 2 * most, $"{channels} channels, {kernel}x{kernel}, stride {stride}: {largest} elements, an image has {most}");
        }
    }

    /// <summary>
    /// A stem with max pooling, a residual block, one with stride and projection, a dilated one with groups, pooled context, resizing, loss
    /// with class weights and a label that does not count.
    /// </summary>
    private static (Graph Graph, Value Loss) Segmentation(Graph graph)
    {
        Value x = graph.Input("image", s_images), labels = graph.Input("labels", new(2, 24, 32), ElementType.Int64);
        x = Block(x, "stem", 8, 7, new Window { Stride = 2, Padding = 3 }).Relu().MaxPool(3, new Window { Stride = 2, Padding = 1 });
        x = (x + Block(Block(x, "a1", 8, 3, new Window { Padding = 1 }).Relu(), "a2", 8, 3, new Window { Padding = 1 })).Relu();
        Value strided = Block(Block(x, "b1", 12, 3, new Window { Stride = 2, Padding = 1 }).Relu(), "b2", 12, 3, new Window { Padding = 1 });
        x = (strided + Block(x, "projection", 12, 1, new Window { Stride = 2 })).Relu();
        x = Block(x, "dilated", 12, 3, new Window { Padding = 2, Dilation = 2 }, groups: 3).HardSwish();
        Value context = x.GlobalAveragePool().Resize(new(3, 4), ResizeMode.Nearest), pooled = x.AveragePool(2, new Window { Stride = 1, Padding = new(0, 0, 1, 1) });
        x = Operators.Concat([x, pooled, context], 1);
        Value weights = graph.Parameter("head", new(36, 4, 4, 4)), bias = graph.Parameter("head.bias", new(4));
        Value logits = x.ConvTranspose(weights, bias, new Window { Stride = 2, Padding = 1 }).Resize(new(24, 32), ResizeMode.Linear, ResizeCoordinates.AlignCorners);
        Value classWeights = graph.Constant(TensorData.Of<float>(new(4), [1, 0.5f, 2, 1]));
        return (graph, logits.CrossEntropy(labels, 1, classWeights, name: "loss"));
    }

    private static Value Block(Value x, string name, int results, int kernel, Window window, int groups = 1)
    {
        Graph graph = x.Graph;
        using IDisposable scope = graph.Scope(name);
        Value weights = graph.Parameter("weights", new(results, x.Shape[1] / groups, kernel, kernel));
        Value scale = graph.Parameter("scale", new(results)), bias = graph.Parameter("bias", new(results));
        return x.Conv(weights, null, window, groups).BatchNormalizationInTraining(scale, bias).Result;
    }

    private static TensorData Start(Random random, Value weight)
    {
        if (weight.Name.EndsWith("scale", StringComparison.Ordinal)) return FiniteDifferences.Uniform(random, weight.Shape, 0.5f, 1.5f);
        float most = weight.Shape.Rank == 1 ? 0.5f : MathF.Sqrt(6f / (weight.Shape.Count / weight.Shape[0]));
        return FiniteDifferences.Uniform(random, weight.Shape, -most, most);
    }
}
