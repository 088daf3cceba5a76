namespace Coppice.Sampling;

/// <summary>
/// Random numbers without a state: the number is a function of seed, branch and position, so it depends neither on the
/// batch a branch ran in nor on the order of its steps.
/// </summary>
/// <remarks>
/// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011), section 4:
/// ten rounds over a 128-bit counter under a 64-bit key. Here the key is the seed and the counter is
/// (position low, position high, branch, 0).
/// </remarks>
public static class CounterRandom
{
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;
    private const int Rounds = 10;

    /// <summary>64 random bits.</summary>
    /// <param name="seed">The request's seed.</param>
    /// <param name="branch">The index of the branch among the request's samples.</param>
    /// <param name="position">The position the token is drawn for; each draw of a branch has its own.</param>
    public static ulong Bits(ulong seed, int branch, long position)
    {
        var (x0, x1, _, _) = Philox(
            (uint)position, (uint)(position >> 32), (uint)branch, 0, (uint)seed, (uint)(seed >> 32));
        return ((ulong)x1 << 32) | x0;
    }

    /// <summary>A number in [0, 1), a multiple of 2^-53.</summary>
    /// <inheritdoc cref="Bits"/>
    public static double Uniform(ulong seed, int branch, long position) =>
        (Bits(seed, branch, position) >> 11) * (1.0 / (1UL << 53));

    /// <summary>The block function: a counter of four words under a key of two.</summary>
    internal static (uint X0, uint X1, uint X2, uint X3) Philox(uint x0, uint x1, uint x2, uint x3, uint k0, uint k1)
    {
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * x0;
            ulong product1 = (ulong)Multiplier1 * x2;
            (x0, x1, x2, x3) = (
                (uint)(product1 >> 32) ^ x1 ^ k0, (uint)product1,
                (uint)(product0 >> 32) ^ x3 ^ k1, (uint)product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        return (x0, x1, x2, x3);
    }
}
