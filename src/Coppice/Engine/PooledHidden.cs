namespace Coppice;

/// <summary>The hidden states of a text, pooled as they come: token by token in double precision, so that chunks change no bit.</summary>
/// <param name="pooling">How.</param>
/// <param name="width">Elements of a hidden state.</param>
internal sealed class PooledHidden(EmbeddingPooling pooling, int width)
{
    private readonly double[] _sum = new double[width];

    /// <summary>Whether a token's hidden state is needed.</summary>
    /// <param name="isLast">Whether it is the text's last token.</param>
    public bool Wants(bool isLast) => isLast || pooling == EmbeddingPooling.Mean;

    /// <summary>Forgets them, when the text is computed anew.</summary>
    public void Clear() => Array.Clear(_sum);

    /// <summary>Adds the next token's.</summary>
    /// <param name="hidden">[width].</param>
    public void Add(ReadOnlySpan<float> hidden)
    {
        for (int i = 0; i < _sum.Length; i++) _sum[i] += hidden[i];
    }

    /// <summary>[width]: of length one, or zero where all is zero.</summary>
    public float[] Normalized()
    {
        double squares = 0;
        foreach (double element in _sum) squares += element * element;
        double scale = squares > 0 ? 1 / Math.Sqrt(squares) : 0;
        return Array.ConvertAll(_sum, element => (float)(element * scale));
    }
}
