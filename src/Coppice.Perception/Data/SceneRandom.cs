namespace Coppice.Perception.Data;

/// <summary>
/// Random numbers that are a function of a seed, an index (of a scene, of a training step) and how many were drawn: what one
/// scene draws does not depend on any other.
/// </summary>
/// <remarks>
/// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011), section 4. The key is
/// the seed; the counter is (block, stream, index low, index high), and a block gives two numbers.
/// </remarks>
public struct SceneRandom
{
    private const int Rounds = 10;
    private readonly ulong _seed;
    private readonly ulong _index;
    private readonly uint _stream;
    private uint _block;
    private ulong _kept;
    private bool _hasKept;

    /// <summary>The numbers of one index.</summary>
    /// <param name="seed">Chooses among sequences of scenes.</param>
    /// <param name="index">Index of the scene or step.</param>
    /// <param name="stream">Separates the uses of one index, such as a scene's making and its augmentation.</param>
    public SceneRandom(ulong seed, long index, int stream = 0)
    {
        _seed = seed;
        _index = (ulong)index;
        _stream = (uint)stream;
        _block = 0;
        _kept = 0;
        _hasKept = false;
    }

    /// <summary>64 random bits.</summary>
    public ulong Bits()
    {
        if (_hasKept)
        {
            _hasKept = false;
            return _kept;
        }

        (ulong first, _kept) = Block();
        _hasKept = true;
        return first;
    }

    /// <summary>A number in [0, 1), a multiple of 2^-53.</summary>
    public double Uniform() => (Bits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number in [<paramref name="low"/>, <paramref name="high"/>).</summary>
    /// <param name="low">The smallest.</param>
    /// <param name="high">The bound above.</param>
    public float Between(double low, double high) => (float)(low + (high - low) * Uniform());

    /// <summary>A whole number in [0, <paramref name="count"/>).</summary>
    /// <param name="count">How many there are, at least 1.</param>
    public int Below(int count) => (int)((UInt128)Bits() * (uint)count >> 64);

    /// <summary>True with a probability.</summary>
    /// <param name="probability">0 to 1.</param>
    public bool Chance(double probability) => Uniform() < probability;

    /// <summary>A number of the standard normal distribution (Box and Muller 1958).</summary>
    public float Normal() => (float)(Math.Sqrt(-2 * Math.Log(1 - Uniform())) * Math.Cos(2 * Math.PI * Uniform()));

    private (ulong First, ulong Second) Block()
    {
        uint x0 = _block++, x1 = _stream, x2 = (uint)_index, x3 = (uint)(_index >> 32);
        uint k0 = (uint)_seed, k1 = (uint)(_seed >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = 0xD2511F53UL * x0, product1 = 0xCD9E8D57UL * x2;
            (x0, x1, x2, x3) = (
                (uint)(product1 >> 32) ^ x1 ^ k0, (uint)product1,
                (uint)(product0 >> 32) ^ x3 ^ k1, (uint)product0);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        return (((ulong)x1 << 32) | x0, ((ulong)x3 << 32) | x2);
    }
}
