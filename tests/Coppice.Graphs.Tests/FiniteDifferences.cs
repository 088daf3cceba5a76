namespace Coppice.Graphs.Tests;

/// <summary>
/// Compares gradients with central differences. The scalar is a random weighting of the result, so that each of its elements counts.
/// Graphs compute in 32 bits: differences are taken over wide steps, and the tolerance is that of their rounding.
/// </summary>
internal static class FiniteDifferences
{
    private const int ElementsTried = 12;

    /// <summary>Checks the gradients of a function of tensors.</summary>
    /// <param name="function">Adds the function to a graph.</param>
    /// <param name="shapes">Shapes of its arguments.</param>
    /// <param name="seed">Of the random arguments.</param>
    /// <param name="low">Arguments are uniform in [low, high).</param>
    /// <param name="high">Arguments are uniform in [low, high).</param>
    /// <param name="step">Half the width of a difference.</param>
    /// <param name="tolerance">Of the greatest gradient, or of 1 if that is more.</param>
    /// <param name="spread">Whether arguments are further apart than a step, as where the greatest counts.</param>
    /// <param name="linear">Whether the function is linear in each argument: wide steps lose nothing then.</param>
    /// <param name="label">What errors call the case.</param>
    public static void Check(
        Func<Value[], Value> function,
        Shape[] shapes,
        int seed = 1,
        float low = -1,
        float high = 1,
        float step = 0.01f,
        float tolerance = 0.01f,
        bool spread = false,
        bool linear = false,
        string label = "")
    {
        if (linear) (step, tolerance) = (0.5f, 0.002f);
        var graph = new Graph();
        Value[] arguments = [.. shapes.Select((s, i) => graph.Parameter($"argument{i}", s))];
        Value result = function(arguments);
        var random = new Random(seed);
        Value weights = graph.Constant(Uniform(random, result.Shape, -1, 1));
        Value scalar = graph.Output((result * weights).Sum("scalar"));
        Value[] gradients = Gradients.Of(scalar, arguments);
        string[] names = [.. gradients.Select(g => graph.Output(g).Name)];
        using var session = new GraphSession(graph, new GraphRunOptions { Threads = 1, Spin = false });
        var given = arguments.ToDictionary(a => a.Name, a => spread ? Spread(random, a.Shape) : Uniform(random, a.Shape, low, high));
        IReadOnlyDictionary<string, TensorData> exact = session.Run(given);
        for (int i = 0; i < arguments.Length; i++)
        {
            ReadOnlySpan<float> gradient = exact[names[i]].As<float>();
            Assert.Equal(arguments[i].Shape, exact[names[i]].Shape);
            float greatest = 1;
            foreach (float g in gradient) greatest = Math.Max(greatest, Math.Abs(g));
            for (int tried = 0; tried < Math.Min(ElementsTried, gradient.Length); tried++)
            {
                int element = gradient.Length <= ElementsTried ? tried : random.Next(gradient.Length);
                float difference = (At(step) - At(-step)) / (2 * step);
                Assert.True(
                    Math.Abs(difference - gradient[element]) <= tolerance * greatest,
                    $"{label} argument {i}, element {element}: the gradient is {gradient[element]}, the difference {difference}");

                float At(float offset)
                {
                    float[] moved = given[arguments[i].Name].As<float>().ToArray();
                    moved[element] += offset;
                    var others = new Dictionary<string, TensorData>(given) { [arguments[i].Name] = TensorData.Of<float>(arguments[i].Shape, moved) };
                    return session.Run(others)["scalar"].As<float>()[0];
                }
            }
        }
    }

    public static TensorData Uniform(Random random, Shape shape, float low, float high)
    {
        var elements = new float[shape.Count];
        for (int i = 0; i < elements.Length; i++) elements[i] = low + ((high - low) * random.NextSingle());
        return TensorData.Of<float>(shape, elements);
    }

    /// <summary>The numbers 0, 1/20, 2/20, ... in random order, around 0.</summary>
    private static TensorData Spread(Random random, Shape shape)
    {
        float[] elements = [.. Enumerable.Range(0, (int)shape.Count).Select(i => (i - (shape.Count / 2)) / 20f)];
        random.Shuffle(elements);
        return TensorData.Of<float>(shape, elements);
    }
}
