namespace Coppice.Graphs.Tests;

/// <summary>Operators over images against slow implementations, and their gradients against differences, over random shapes.</summary>
public sealed class ImageOperatorTests
{
    private const int Seeds = 40;

    [Fact]
    public void A_convolution_is_its_definition_s_and_its_gradients_are_the_limits_of_differences()
    {
        for (int seed = 1; seed <= Seeds; seed++)
        {
            ImageCase c = ImageCase.Random(seed);
            Value Function(Value[] a) => a[0].Conv(a[1], a[2], c.Window, c.Groups);
            Shape[] shapes = [c.Image, new(c.Results, c.Image[1] / c.Groups, c.Kernel.Y, c.Kernel.X), new(c.Results)];
            (TensorData result, TensorData[] given) = Evaluate(Function, shapes, seed);
            Extent size = new(result.Shape[2], result.Shape[3]);
            Picture expected = Reference.Conv(Picture.Of(given[0]), Picture.Of(given[1]), given[2].As<float>().ToArray(), c.Window, c.Groups, size);
            AssertClose(expected.ToArray(), result, c, seed);
            FiniteDifferences.Check(Function, shapes, seed, linear: true, label: $"seed {seed}: {c}");
        }
    }

    [Fact]
    public void A_transposed_convolution_is_its_definition_s_and_its_gradients_are_the_limits_of_differences()
    {
        for (int seed = 1; seed <= Seeds; seed++)
        {
            ImageCase c = ImageCase.Random(seed, transposed: true);
            var random = new Random(seed);
            Extent rest = new(random.Next(c.Window.Stride.Y), random.Next(c.Window.Stride.X));
            Value Function(Value[] a) => a[0].ConvTranspose(a[1], a[2], c.Window, rest, c.Groups);
            Shape[] shapes = [c.Image, new(c.Image[1], c.Results / c.Groups, c.Kernel.Y, c.Kernel.X), new(c.Results)];
            (TensorData result, TensorData[] given) = Evaluate(Function, shapes, seed);
            Extent size = new(result.Shape[2], result.Shape[3]);
            Picture expected = Reference.ConvTranspose(Picture.Of(given[0]), Picture.Of(given[1]), given[2].As<float>().ToArray(), c.Window, c.Groups, size);
            AssertClose(expected.ToArray(), result, c, seed);
            FiniteDifferences.Check(Function, shapes, seed, linear: true, label: $"seed {seed}: {c}");
        }
    }

    [Fact]
    public void Pooling_is_its_definition_s_and_its_gradients_are_the_limits_of_differences()
    {
        for (int seed = 1; seed <= Seeds; seed++)
        {
            ImageCase c = ImageCase.Random(seed, pooling: true);
            bool greatest = seed % 2 == 0, countPadding = seed % 4 == 1;
            if (!greatest) c = c with { Window = c.Window with { Dilation = 1 } };
            Value Function(Value[] a) => greatest ? a[0].MaxPool(c.Kernel, c.Window) : a[0].AveragePool(c.Kernel, c.Window, countPadding);
            (TensorData result, TensorData[] given) = Evaluate(Function, [c.Image], seed);
            Picture expected = Reference.Pool(
                Picture.Of(given[0]), c.Kernel, c.Window, new(result.Shape[2], result.Shape[3]), greatest, countPadding);
            AssertClose(expected.ToArray(), result, c, seed);
            FiniteDifferences.Check(Function, [c.Image], seed, spread: true, linear: !greatest, label: $"seed {seed}: {c}");
        }
    }

    [Fact]
    public void Resizing_is_its_definition_s_and_its_gradients_are_the_limits_of_differences()
    {
        for (int seed = 1; seed <= Seeds; seed++)
        {
            var random = new Random(seed);
            Shape image = new(random.Next(1, 3), random.Next(1, 4), random.Next(1, 9), random.Next(1, 9));
            // Whole factors as well as others, larger and smaller.
            Extent size = seed % 3 == 0 ? new(image[2] * 2, image[3] * 4) : new(random.Next(1, 20), random.Next(1, 20));
            ResizeMode mode = (ResizeMode)(seed % 2);
            ResizeCoordinates coordinates = (ResizeCoordinates)(seed / 2 % 2);
            Value Function(Value[] a) => a[0].Resize(size, mode, coordinates);
            (TensorData result, TensorData[] given) = Evaluate(Function, [image], seed);
            Picture expected = Reference.Resize(Picture.Of(given[0]), size, mode, coordinates);
            AssertClose(expected.ToArray(), result, $"{image} to {size}, {mode}, {coordinates}", seed);
            (TensorData products, _) = Evaluate(a => a[0].ResizeByProducts(size, mode, coordinates), [image], seed);
            AssertClose(products.As<float>().ToArray(), result, $"by products: {image} to {size}, {mode}, {coordinates}", seed);
            FiniteDifferences.Check(Function, [image], seed, linear: true, label: $"seed {seed}: {image} to {size}, {mode}, {coordinates}");
        }
    }

    [Theory]
    [InlineData(ResizeMode.Nearest, ResizeCoordinates.HalfPixel)]
    [InlineData(ResizeMode.Nearest, ResizeCoordinates.AlignCorners)]
    [InlineData(ResizeMode.Linear, ResizeCoordinates.HalfPixel)]
    [InlineData(ResizeMode.Linear, ResizeCoordinates.AlignCorners)]
    public void The_matrix_of_a_resize_is_what_the_operator_does_for_all_lengths(ResizeMode mode, ResizeCoordinates coordinates)
    {
        int[] lengths = [1, 2, 3, 5, 7, 8, 12, 30, 45];
        var graph = new Graph();
        var pairs = new List<(string Resized, string Product)>();
        foreach (int elements in lengths)
        {
            Value x = graph.Constant(TensorData.Of<float>(new(1, 1, 1, elements), [.. Enumerable.Range(0, elements).Select(i => (float)((i * i) + 1))]));
            foreach (int results in lengths)
            {
                Extent size = new(1, results);
                pairs.Add((graph.Output(x.Resize(size, mode, coordinates)).Name, graph.Output(x.ResizeByProducts(size, mode, coordinates)).Name));
            }
        }

        using var session = new GraphSession(graph, new GraphRunOptions { Threads = 1, Spin = false });
        IReadOnlyDictionary<string, TensorData> all = session.Run(new Dictionary<string, TensorData>());
        foreach ((string resized, string product) in pairs)
            AssertClose(all[product].As<float>().ToArray(), all[resized], $"{all[resized].Shape}", 0);
    }

    [Fact]
    public void Where_several_are_the_greatest_the_first_gets_the_gradient()
    {
        var graph = new Graph();
        Value x = graph.Parameter("x", new(1, 1, 2, 4));
        Value gradient = graph.Output(Gradients.Of(x.MaxPool(2, new Window { Stride = 2 }).Sum(), [x])[0]);
        using var session = new GraphSession(graph);
        var given = new Dictionary<string, TensorData> { ["x"] = TensorData.Of<float>(x.Shape, [0, 0, 1, 2, 0, 0, 2, 2]) };
        Assert.Equal([1f, 0, 0, 1, 0, 0, 0, 0], session.Run(given)[gradient.Name].As<float>().ToArray());
    }

    private static (TensorData Result, TensorData[] Given) Evaluate(Func<Value[], Value> function, Shape[] shapes, int seed)
    {
        var graph = new Graph();
        var random = new Random(seed);
        TensorData[] given = [.. shapes.Select(s => FiniteDifferences.Uniform(random, s, -1, 1))];
        Value[] inputs = [.. shapes.Select((s, i) => graph.Input($"x{i}", s))];
        Value output = graph.Output(function(inputs));
        using var session = new GraphSession(graph, new GraphRunOptions { Threads = 1, Spin = false });
        TensorData result = session.Run(inputs.Zip(given).ToDictionary(p => p.First.Name, p => p.Second))[output.Name];
        Assert.Equal(output.Shape, result.Shape);
        return (result, given);
    }

    private static void AssertClose(float[] expected, TensorData found, object what, int seed)
    {
        ReadOnlySpan<float> elements = found.As<float>();
        Assert.Equal(expected.Length, elements.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - elements[i]) <= 1e-4 * (1 + Math.Abs(expected[i])), $"seed {seed}, {what}: element {i} is {elements[i]}, expected {expected[i]}");
    }

    /// <summary>A random image and window: strides, dilations and paddings that differ by axis and side, groups, depthwise too.</summary>
    private sealed record ImageCase(Shape Image, Extent Kernel, Window Window, int Groups, int Results)
    {
        public static ImageCase Random(int seed, bool transposed = false, bool pooling = false)
        {
            var random = new Random(seed * 7919);
            while (true)
            {
                int groups = random.Next(3) switch { 0 => 1, 1 => 2, _ => 3 };
                bool depthwise = random.Next(3) == 0;
                int channels = depthwise ? groups : groups * random.Next(1, 4), results = groups * random.Next(1, 4);
                bool square = random.Next(2) == 0;
                Extent kernel = Pair(1, 5), stride = Pair(1, 4), dilation = random.Next(2) == 0 ? 1 : Pair(1, 4);
                int most = pooling ? Math.Min(kernel.Y, kernel.X) : 4;
                Border padding = random.Next(3) == 0 ? random.Next(most) : new Border(random.Next(most), random.Next(most), random.Next(most), random.Next(most));
                var window = new Window { Stride = stride, Dilation = dilation, Padding = padding };
                Shape image = new(random.Next(1, 3), channels, random.Next(1, 12), random.Next(1, 12));
                if (random.Next(8) == 0) image = new(image[0], groups * 20, image[2], image[3]);
                Extent room = new(image[2], image[3]);
                Extent size = transposed ? window.Transposed(room, kernel, 0) : window.Results(room, kernel);
                if (size.Y < 1 || size.X < 1 || size.Y * size.X > 600) continue;
                // A window that sees padding alone has no greatest element and no mean.
                if (pooling && !EachWindowSeesTheImage(window, kernel, room, size)) continue;
                return new(image, kernel, window, groups, results);

                Extent Pair(int low, int high)
                {
                    int one = random.Next(low, high);
                    return square ? one : new Extent(one, random.Next(low, high));
                }
            }
        }

        private static bool EachWindowSeesTheImage(Window window, Extent kernel, Extent image, Extent size) =>
            Sees(kernel.Y, window.Stride.Y, window.Dilation.Y, window.Padding.Top, image.Y, size.Y)
            && Sees(kernel.X, window.Stride.X, window.Dilation.X, window.Padding.Left, image.X, size.X);

        private static bool Sees(int kernel, int stride, int dilation, int before, int length, int results) =>
            Enumerable.Range(0, results).All(i => Enumerable.Range(0, kernel).Any(
                k => (i * stride) - before + (k * dilation) is var at && at >= 0 && at < length));
    }
}
