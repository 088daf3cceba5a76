using System.Numerics.Tensors;

namespace Coppice.Sampling;

/// <summary>
/// The largest logit of each block of the vocabulary. One vectorized pass makes it; then whoever looks for large logits
/// passes over the blocks that have none, which is nearly all of them.
/// </summary>
internal sealed class BlockMaxima
{
    private const int Block = 128; // tokens
    private readonly float[] _maxima;
    private readonly float[] _sorted;
    private int _blocks;

    /// <summary>Takes the memory.</summary>
    /// <param name="vocabularySize">The largest number of logits.</param>
    public BlockMaxima(int vocabularySize)
    {
        _maxima = new float[(vocabularySize + Block - 1) / Block];
        _sorted = new float[_maxima.Length];
    }

    /// <summary>The largest logit; finite.</summary>
    public float Max { get; private set; }

    /// <summary>The number of blocks.</summary>
    public int Count => _blocks;

    /// <summary>Takes the maxima of these logits.</summary>
    /// <param name="logits">[vocabulary].</param>
    /// <exception cref="InvalidOperationException">A logit is NaN or +infinity, or all are -infinity.</exception>
    public void Update(ReadOnlySpan<float> logits)
    {
        _blocks = (logits.Length + Block - 1) / Block;
        for (int block = 0; block < _blocks; block++)
            _maxima[block] = TensorPrimitives.Max(logits[Tokens(block, logits.Length)]); // NaN where any is NaN
        Max = TensorPrimitives.Max<float>(_maxima.AsSpan(0, _blocks));
        if (float.IsFinite(Max)) return;
        if (float.IsNegativeInfinity(Max)) throw new InvalidOperationException("no token can be drawn: every logit is -infinity");
        int token = 0;
        while (!logits[token].Equals(Max)) token++;
        throw new InvalidOperationException($"the logit of token {token} is {(float.IsNaN(Max) ? "NaN" : "+infinity")}");
    }

    /// <summary>The largest logit of a block.</summary>
    public float this[int block] => _maxima[block];

    /// <summary>The half-open range of a block's tokens.</summary>
    public static Range Tokens(int block, int vocabulary) => (block * Block)..Math.Min((block + 1) * Block, vocabulary);

    /// <summary>The first token that has the largest logit.</summary>
    /// <param name="logits">[vocabulary]: those of the last <see cref="Update"/>.</param>
    public int IndexOfMax(ReadOnlySpan<float> logits)
    {
        int block = 0;
        while (_maxima[block] != Max) block++;
        int token = block * Block;
        while (logits[token] != Max) token++; // not IndexOf: -0 equals 0
        return token;
    }

    /// <summary>A bound that at least this many logits reach: that many blocks have a maximum that does.</summary>
    /// <param name="tokens">1 or more.</param>
    public float ReachedBy(int tokens)
    {
        if (tokens > _blocks) return float.NegativeInfinity;
        var sorted = _sorted.AsSpan(0, _blocks);
        _maxima.AsSpan(0, _blocks).CopyTo(sorted);
        sorted.Sort();
        return sorted[^tokens];
    }
}
