namespace Coppice.Kernels.Attention;

/// <summary>What happens to a layer's scores before the softmax.</summary>
public readonly struct AttentionOptions
{
    /// <summary>Makes the options of a layer.</summary>
    /// <param name="scale">What a dot product is multiplied by, usually 1 / sqrt(headDim).</param>
    /// <param name="softCap">c in s = c tanh(s / c); 0 for none.</param>
    /// <param name="window">Tokens a query sees, its own included; 0 for all.</param>
    public AttentionOptions(float scale, float softCap = 0, int window = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(softCap);
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        Scale = scale;
        SoftCap = softCap;
        Window = window;
    }

    /// <summary>What a dot product is multiplied by, usually 1 / sqrt(headDim).</summary>
    public float Scale { get; init; }

    /// <summary>c in s = c tanh(s / c); 0 for none.</summary>
    public float SoftCap { get; init; }

    /// <summary>A query at position p sees the positions above p - Window; 0 for all up to its own.</summary>
    public int Window { get; init; }
}
