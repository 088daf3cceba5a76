using Coppice.Graphs;
using Coppice.Perception.Data;

namespace Coppice.Perception.Training;

/// <summary>First weights: kernels normal with variance 2 / inputs (He and others, arXiv 1502.01852), scores small, scales one, the rest zero.</summary>
internal static class FirstWeights
{
    private const double ScoreDeviation = 0.01;

    /// <summary>Makes values for all parameters of a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="seed">Another seed, other weights.</param>
    public static IReadOnlyDictionary<string, TensorData> Of(Graph graph, int seed)
    {
        var weights = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (Value parameter in graph.Parameters)
        {
            var elements = new float[parameter.Shape.Count];
            if (parameter.Shape.Rank == 4)
            {
                // Names, not places, choose the numbers: a head more or less changes nothing of the rest.
                var random = new SceneRandom((ulong)seed, Hash(parameter.Name));
                bool score = parameter.Name.EndsWith("score.weight", StringComparison.Ordinal) || parameter.Name.EndsWith("auxiliary.weight", StringComparison.Ordinal);
                double deviation = score ? ScoreDeviation : Math.Sqrt(2.0 / (parameter.Shape[1] * parameter.Shape[2] * parameter.Shape[3]));
                for (int i = 0; i < elements.Length; i++) elements[i] = (float)(deviation * random.Normal());
            }
            else if (parameter.Name.EndsWith(".scale", StringComparison.Ordinal) || parameter.Name.EndsWith(".variance", StringComparison.Ordinal))
            {
                Array.Fill(elements, 1);
            }

            weights[parameter.Name] = TensorData.Of<float>(parameter.Shape, elements);
        }

        return weights;
    }

    private static long Hash(string name)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in name) hash = (hash ^ c) * 1099511628211;
        return (long)(hash >> 1);
    }
}
