namespace Coppice.Graphs;

/// <content>Normalization.</content>
public static partial class Operators
{
    /// <summary>
    /// Batch normalization with given statistics, as in inference: scale * (x - mean) / sqrt(variance + epsilon) + bias in each channel.
    /// </summary>
    /// <param name="x">[n, channels, ...].</param>
    /// <param name="scale">[channels].</param>
    /// <param name="bias">[channels].</param>
    /// <param name="mean">[channels].</param>
    /// <param name="variance">[channels].</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="name">Name of the result.</param>
    public static Value BatchNormalization(
        this Value x, Value scale, Value bias, Value mean, Value variance, float epsilon = 1e-5f, string? name = null)
    {
        RequireChannels("BatchNormalization", x);
        Value[] inputs = [x, scale, bias, mean, variance];
        for (int i = 1; i < inputs.Length; i++) RequireVector("BatchNormalization", inputs[i], i, x.Shape[1], x.Type);
        return x.Graph.Add("BatchNormalization", inputs, [(x.Type, x.Shape)], [("epsilon", epsilon)], name).Output;
    }

    /// <summary>
    /// Batch normalization with the statistics of the batch itself, as in training; six nodes. Mean and (biased) variance are returned
    /// for moving averages, which <see cref="BatchNormalization"/> then uses.
    /// </summary>
    /// <param name="x">[n, channels, ...].</param>
    /// <param name="scale">[channels].</param>
    /// <param name="bias">[channels].</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="name">Name of the result.</param>
    /// <returns>The result, and mean and variance [channels].</returns>
    public static (Value Result, Value Mean, Value Variance) BatchNormalizationInTraining(
        this Value x, Value scale, Value bias, float epsilon = 1e-5f, string? name = null)
    {
        RequireChannels("BatchNormalization", x);
        Shape channels = new(x.Shape[1]);
        int[] others = [.. Enumerable.Range(0, x.Shape.Rank).Where(axis => axis != 1)];
        Value mean = x.ReduceMean(others);
        // The variance's derivative by the mean is zero, so that no gradient need go there.
        Value centered = x - mean.StopGradient();
        Value variance = (centered * centered).ReduceMean(others, keep: false);
        mean = mean.Reshape(channels);
        return (x.BatchNormalization(scale, bias, mean, variance, epsilon, name), mean, variance);
    }

    /// <summary>Layer normalization: scale * (x - mean) / sqrt(variance + epsilon) + bias, with statistics over the axes from one on.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="scale">Of the shape of the axes from <paramref name="axis"/> on.</param>
    /// <param name="bias">Of the same shape, or null.</param>
    /// <param name="axis">First of the axes.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="name">Name of the result.</param>
    public static Value LayerNormalization(
        this Value x, Value scale, Value? bias = null, int axis = -1, float epsilon = 1e-5f, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        int first = CheckAxis("LayerNormalization", x, axis);
        Shape normalized = new(x.Shape.Dims[first..]);
        Value[] inputs = bias is null ? [x, scale] : [x, scale, bias];
        for (int i = 1; i < inputs.Length; i++)
        {
            RequireType("LayerNormalization", inputs[i], i, x.Type);
            if (inputs[i].Shape != normalized) throw Wrong("LayerNormalization", i, inputs[i], normalized.ToString());
        }

        return x.Graph.Add("LayerNormalization", inputs, [(x.Type, x.Shape)], [("axis", (long)first), ("epsilon", epsilon)], name).Output;
    }

    /// <summary>x / sqrt(mean(x * x) + epsilon), with the mean over an axis; seven nodes with a scale.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="scale">Of the axis's length, or null.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="name">Name of the result.</param>
    public static Value RmsNormalization(this Value x, Value? scale = null, int axis = -1, float epsilon = 1e-6f, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        int along = CheckAxis("RmsNormalization", x, axis);
        Value factor = ((x * x).ReduceMean([along]) + epsilon).Sqrt().Reciprocal();
        if (scale is null) return x.Multiply(factor, name);
        RequireVector("RmsNormalization", scale, 1, x.Shape[along], x.Type);
        return (x * factor).Multiply(Along(scale, x.Shape.Rank, along), name);
    }

    /// <summary>
    /// Group normalization: statistics of each image over groups of channels, then scale and bias of each channel. Composed; each group
    /// alone is instance normalization.
    /// </summary>
    /// <param name="x">[n, channels, ...].</param>
    /// <param name="groups">Number of groups, a divisor of the channels.</param>
    /// <param name="scale">[channels].</param>
    /// <param name="bias">[channels].</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="name">Name of the result.</param>
    public static Value GroupNormalization(
        this Value x, int groups, Value scale, Value bias, float epsilon = 1e-5f, string? name = null)
    {
        RequireChannels("GroupNormalization", x);
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        if (x.Shape[1] % groups != 0) throw Wrong("GroupNormalization", 0, x, $"channels in {groups} equal groups");
        RequireVector("GroupNormalization", scale, 1, x.Shape[1], x.Type);
        RequireVector("GroupNormalization", bias, 2, x.Shape[1], x.Type);
        // Each group of each image is a channel of one batch.
        int channels = x.Shape[0] * groups;
        Graph g = x.Graph;
        Value flat = x.Reshape(new(1, channels, checked((int)(x.Shape.Count / channels))));
        Value normalized = flat.BatchNormalizationInTraining(g.Fill(1, new(channels)), g.Fill(0, new(channels)), epsilon).Result.Reshape(x.Shape);
        int rank = x.Shape.Rank;
        return (normalized * Along(scale, rank, 1)).Add(Along(bias, rank, 1), name);
    }

    /// <summary>A vector along one of several axes, the others of length 1.</summary>
    internal static Value Along(Value vector, int rank, int axis)
    {
        var dims = new int[rank];
        Array.Fill(dims, 1);
        dims[axis] = vector.Shape[0];
        return vector.Reshape(new(dims));
    }

    private static void RequireChannels(string type, Value x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Shape.Rank < 2 || x.Type is not (ElementType.Float32 or ElementType.Float16 or ElementType.Float64))
            throw Wrong(type, 0, x, "floating point [n, channels, ...]");
    }
}
