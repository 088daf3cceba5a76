using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Products;

/// <summary>
/// Products of activations with packed weights: y[r, o] = sum over i of x[r, i] * w[o, i]. Quantized weights meet quantized
/// activations: blocks of 32 for Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1, of 256 for the K types (<see cref="ActivationQuantizer"/>),
/// integer dot products and float sums in a fixed order (<see cref="IntegerTile{TFormat,TDot}"/>). Float weights meet the floats
/// themselves (<see cref="FloatProduct{TFormat}"/>). The bits of a result depend neither on the path nor on the number of rows,
/// the threads or the panels.
/// </summary>
public static unsafe class MatrixProduct
{
    /// <summary>y[r, o] = sum over i of x[r, i] * w[o, i]. Allocates nothing.</summary>
    /// <param name="path">A path this processor has.</param>
    /// <param name="team">Does the work.</param>
    /// <param name="weights">[outputs, inputs].</param>
    /// <param name="x">[rows, inputs].</param>
    /// <param name="y">[rows, outputs], row-major, overwritten.</param>
    /// <exception cref="ArgumentException">Inputs differ, or y has the wrong length.</exception>
    public static void Multiply(KernelPath path, WorkerTeam team, WeightMatrix weights, ActivationRows x, Span<float> y)
        => Multiply(path, vnni: true, team, weights, x, y);

    /// <summary>As the public one; <paramref name="vnni"/> says whether VNNI may be used where there is any.</summary>
    internal static void Multiply(
        KernelPath path, bool vnni, WorkerTeam team, WeightMatrix weights, ActivationRows x, Span<float> y)
    {
        ArgumentNullException.ThrowIfNull(team);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(x);
        if (x.Inputs != weights.Inputs)
            throw new ArgumentException($"the weights have {weights.Inputs} inputs, the rows {x.Inputs}", nameof(x));
        if (y.Length != (long)x.Rows * weights.Outputs)
            throw new ArgumentException($"expected {x.Rows} * {weights.Outputs} results, found room for {y.Length}", nameof(y));
        fixed (float* p = y)
        {
            switch (weights.Type)
            {
                case TensorType.F32: FloatProduct<PanelF32>.Multiply(path, team, weights, x, p); break;
                case TensorType.F16 when weights.AllFinite: FloatProduct<PanelFiniteF16>.Multiply(path, team, weights, x, p); break;
                case TensorType.F16: FloatProduct<PanelF16>.Multiply(path, team, weights, x, p); break;
                case TensorType.BF16: FloatProduct<PanelBF16>.Multiply(path, team, weights, x, p); break;
                case TensorType.Q8_0: QuantizedProduct<PanelQ8_0>.Multiply(path, vnni, team, weights, x, p); break;
                case TensorType.Q4_0: QuantizedProduct<PanelQ4_0>.Multiply(path, vnni, team, weights, x, p); break;
                case TensorType.Q4_1: QuantizedProduct<PanelQ4_1>.Multiply(path, vnni, team, weights, x, p); break;
                case TensorType.Q5_0: QuantizedProduct<PanelQ5_0>.Multiply(path, vnni, team, weights, x, p); break;
                case TensorType.Q5_1: QuantizedProduct<PanelQ5_1>.Multiply(path, vnni, team, weights, x, p); break;
                case TensorType.Q2_K: QuantizedProduct<PanelQ2_K>.Multiply(path, vnni, team, weights, x, p); break;
                case TensorType.Q3_K: QuantizedProduct<PanelQ3_K>.Multiply(path, vnni, team, weights, x, p); break;
                case TensorType.Q4_K: QuantizedProduct<PanelQ4_K>.Multiply(path, vnni, team, weights, x, p); break;
                case TensorType.Q5_K: QuantizedProduct<PanelQ5_K>.Multiply(path, vnni, team, weights, x, p); break;
                case TensorType.Q6_K: QuantizedProduct<PanelQ6_K>.Multiply(path, vnni, team, weights, x, p); break;
                default: throw new ArgumentException($"unsupported tensor type {weights.Type}", nameof(weights));
            }
        }
    }
}
