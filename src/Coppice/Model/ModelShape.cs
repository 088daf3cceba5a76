namespace Coppice.Model;

/// <summary>
/// The sizes of a model, without its weights: enough to write a file of that shape (<see cref="RandomModel"/>). The known
/// shapes are in <see cref="ModelShapes"/>.
/// </summary>
public sealed record ModelShape
{
    /// <summary>The name it is asked for by, as in <c>llama-3.2-1b</c>.</summary>
    public required string Name { get; init; }

    /// <summary>GGUF's name of the architecture, as in <c>llama</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Elements of a token's vector.</summary>
    public required int Width { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads; <see cref="Heads"/> is a multiple of it.</summary>
    public required int KvHeads { get; init; }

    /// <summary>Elements of a head's query, key or value.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Elements inside the feed-forward network.</summary>
    public required int FeedForward { get; init; }

    /// <summary>Number of tokens; at least <see cref="RandomModelVocabulary.MinTokens"/>.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Positions the model was made for.</summary>
    public required int Context { get; init; }

    /// <summary>Base of the rotary frequencies; 0 where positions are learned vectors.</summary>
    public float RopeBase { get; init; } = 10_000;

    /// <summary>Llama 3's stretching of the rotary frequencies, if it is used.</summary>
    public RopeStretch? RopeStretch { get; init; }

    /// <summary>What a norm adds to the mean square.</summary>
    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>Positions a windowed layer looks back on, itself included; 0 for none.</summary>
    public int Window { get; init; }

    /// <summary>Whether the output matrix is the embedding.</summary>
    public bool TiedOutput { get; init; }

    /// <summary>Bound c of c*tanh(x/c) on attention scores; 0 for none.</summary>
    public float AttentionSoftCap { get; init; }

    /// <summary>Bound c of c*tanh(x/c) on logits; 0 for none.</summary>
    public float OutputSoftCap { get; init; }

    /// <summary>Standard deviation of norm weights around 1.</summary>
    public float NormNoise { get; init; }

    /// <summary>Standard deviation of biases around 0.</summary>
    public float BiasNoise { get; init; } = 0.02f;
}

/// <summary>Llama 3's frequency stretching: wavelengths above original/low are divided by the factor, those below
/// original/high stay, those between are blended.</summary>
/// <param name="Factor">How far the longest wavelengths stretch.</param>
/// <param name="Low">Turns in the original context below which a frequency is stretched fully.</param>
/// <param name="High">Turns in the original context above which a frequency is left alone.</param>
/// <param name="OriginalContext">The context before stretching.</param>
public sealed record RopeStretch(float Factor, float Low, float High, int OriginalContext)
{
    /// <summary>What each rotary frequency is divided by.</summary>
    /// <param name="ropeBase">Base of the rotary frequencies.</param>
    /// <param name="headDim">Rotated elements of a head.</param>
    /// <returns>[headDim / 2] divisors.</returns>
    public float[] Divisors(float ropeBase, int headDim)
    {
        float[] divisors = new float[headDim / 2];
        for (int i = 0; i < divisors.Length; i++)
        {
            double wavelength = 2 * Math.PI * Math.Pow(ropeBase, 2.0 * i / headDim);
            double turns = OriginalContext / wavelength;
            double kept = Math.Clamp((turns - Low) / (High - Low), 0, 1);
            divisors[i] = (float)(1 / ((1 - kept) / Factor + kept));
        }
        return divisors;
    }
}
