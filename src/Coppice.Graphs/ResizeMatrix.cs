using System.Runtime.InteropServices;

namespace Coppice.Graphs;

/// <summary>Resizing along one axis as a matrix [results, elements], in the arithmetic of ONNX Runtime: 32 bits.</summary>
internal static class ResizeMatrix
{
    /// <summary>How a Resize node works.</summary>
    /// <exception cref="GraphException">It works in another way than <see cref="Operators.Resize"/> offers.</exception>
    public static (ResizeMode Mode, ResizeCoordinates Coordinates) Rules(Node node)
    {
        string mode = node.Text("mode", "nearest"), coordinates = node.Text("coordinate_transformation_mode", "half_pixel");
        string nearest = node.Text("nearest_mode", "round_prefer_floor");
        if (node.Input(0).Shape.Rank != 4 || mode is not ("nearest" or "linear") || coordinates is not ("half_pixel" or "align_corners")
            || (mode == "nearest" && nearest != "round_prefer_floor") || node.Integer("antialias", 0) != 0)
            throw new GraphException($"{node}: mode {mode}, {coordinates}, {nearest} has no gradient");
        return (
            mode == "nearest" ? ResizeMode.Nearest : ResizeMode.Linear,
            coordinates == "align_corners" ? ResizeCoordinates.AlignCorners : ResizeCoordinates.HalfPixel);
    }

    /// <summary>The matrix.</summary>
    /// <param name="elements">Length of the axis before.</param>
    /// <param name="results">Length of the axis after.</param>
    /// <param name="mode">How an element is made.</param>
    /// <param name="coordinates">Where it lies.</param>
    public static float[,] Of(int elements, int results, ResizeMode mode, ResizeCoordinates coordinates)
    {
        var matrix = new float[results, elements];
        float scale = (float)results / elements;
        for (int i = 0; i < results; i++)
        {
            float at = coordinates == ResizeCoordinates.HalfPixel
                ? ((i + 0.5f) / scale) - 0.5f
                : results == 1 ? 0 : (float)i * (elements - 1) / (results - 1);
            if (elements == results) at = i;
            at = Math.Clamp(at, 0, elements - 1);
            if (mode == ResizeMode.Nearest)
            {
                matrix[i, Math.Min(elements - 1, (int)MathF.Ceiling(at - 0.5f))] = 1;
                continue;
            }

            int low = Math.Min((int)at, elements - 1), high = Math.Min(low + 1, elements - 1);
            matrix[i, low] += 1 - (at - low);
            matrix[i, high] += at - low;
        }

        return matrix;
    }

    /// <summary>A matrix stored in a graph, or its transpose.</summary>
    public static Value Constant(Graph graph, float[,] matrix, bool transpose = false)
    {
        int rows = matrix.GetLength(0), columns = matrix.GetLength(1);
        if (!transpose) return graph.Constant(TensorData.Of<float>(new(rows, columns), MemoryMarshal.CreateReadOnlySpan(ref matrix[0, 0], matrix.Length)));
        var turned = new float[matrix.Length];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++) turned[(j * rows) + i] = matrix[i, j];
        }

        return graph.Constant(TensorData.Of<float>(new(columns, rows), turned));
    }
}
