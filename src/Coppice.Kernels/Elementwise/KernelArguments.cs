using System.Runtime.CompilerServices;

namespace Coppice.Kernels.Elementwise;

/// <summary>The checks at the public edges of the elementwise kernels.</summary>
internal static class KernelArguments
{
    public static void CheckSameLength(int expected, int found, [CallerArgumentExpression(nameof(found))] string? name = null)
    {
        if (expected != found) throw new ArgumentException($"expected {expected} elements, found {found}", name);
    }

    /// <summary>Number of rows of a matrix; its length must be a multiple of the width.</summary>
    public static int Rows(int elements, int width, [CallerArgumentExpression(nameof(elements))] string? name = null)
    {
        if (elements == 0) return 0;
        if (width <= 0 || elements % width != 0) throw new ArgumentException($"{elements} elements are no rows of {width}", name);
        return elements / width;
    }

    /// <summary>An output may be the input itself or lie apart from it; shifted over it, it would overwrite what is still to be read.</summary>
    public static void CheckOverlap(
        ReadOnlySpan<float> input, ReadOnlySpan<float> output, [CallerArgumentExpression(nameof(output))] string? name = null)
    {
        if (input.Overlaps(output, out int offset) && offset != 0)
            throw new ArgumentException($"the output overlaps an input, shifted by {offset} elements", name);
    }
}
