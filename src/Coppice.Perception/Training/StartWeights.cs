using System.Security.Cryptography;
using Coppice.Graphs;
using Coppice.Perception.Networks;

namespace Coppice.Perception.Training;

/// <summary>What a training starts from: first weights, or those of an earlier training in their place.</summary>
internal static class StartWeights
{
    /// <summary>The file's weights for all layers of the same name and shape; the rest stay as they are.</summary>
    /// <param name="first">First weights by name.</param>
    /// <param name="path">A file of weights, or null for the first weights alone.</param>
    /// <remarks>
    /// Scores of whole cells become those of their quarters, each with the cell's weights. Heads of other classes start anew.
    /// </remarks>
    /// <exception cref="GraphException">The file is not one of weights, or no layer of it is the network's.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static IReadOnlyDictionary<string, TensorData> Over(IReadOnlyDictionary<string, TensorData> first, string? path)
    {
        if (path is null) return first;
        IReadOnlyDictionary<string, TensorData> earlier = PerceptionWeights.Load(path).Weights;
        var weights = new Dictionary<string, TensorData>(first, StringComparer.Ordinal);
        int taken = 0;
        foreach ((string name, TensorData own) in first)
        {
            if (!earlier.TryGetValue(name, out TensorData? given)) continue;
            if (name.StartsWith(FastNetwork.Score, StringComparison.Ordinal) && own.Shape == given.Shape.With(0, 4 * given.Shape[0])) given = FourTimes(given);
            if (own.Shape != given.Shape) continue;
            weights[name] = given;
            taken++;
        }

        return taken > 0 ? weights : throw new GraphException($"{path}: expected weights to start from, found no layer of this network");
    }

    /// <summary>What tells one start from another: a run only goes on from its own.</summary>
    public static string Identity(string? path) => path is null ? "" : $"\nfrom {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)))}";

    private static TensorData FourTimes(TensorData data)
    {
        float[] elements = data.As<float>().ToArray();
        return TensorData.Of<float>(data.Shape.With(0, 4 * data.Shape[0]), [.. elements, .. elements, .. elements, .. elements]);
    }
}
