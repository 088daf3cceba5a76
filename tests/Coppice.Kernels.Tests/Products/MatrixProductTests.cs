using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;

namespace Coppice.Kernels.Tests.Products;

public sealed class MatrixProductTests
{
    private static readonly int[] RowCounts = [1, 2, 3, 5, 8, 9, 17, 33];
    private static readonly int[] OutputCounts = [1, 15, 16, 17, 48, 100];

    public static TheoryData<TensorType> Types => [.. TensorTypes.Supported];

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_path_row_count_and_panel_cut_gives_the_scalar_bits(TensorType type)
    {
        using var team = new WorkerTeam(2);
        foreach (int inputs in InputCounts(type))
        {
            // Every cut of the last panel with few inputs, one with many.
            foreach (int outputs in inputs <= 256 ? OutputCounts : [33])
            {
                using var weights = ProductCase.RandomWeights(type, outputs, inputs, team, seed: outputs + inputs);
                float[] x = ProductCase.RandomRows(RowCounts[^1], inputs, seed: 3);
                float[] expected = ProductCase.Multiply(KernelPath.Scalar, true, team, weights, x);
                foreach (int rows in RowCounts)
                {
                    float[] some = x[..(rows * inputs)];
                    foreach (KernelPath path in KernelPaths.Available)
                    {
                        if (path == KernelPath.Scalar && rows > 3) continue;
                        ProductCase.AssertBits(expected.AsSpan(0, rows * outputs), ProductCase.Multiply(path, true, team, weights, some));
                        ProductCase.AssertBits(expected.AsSpan(0, rows * outputs), ProductCase.Multiply(path, false, team, weights, some));
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Mapped_weights_give_the_bits_of_packed_ones(TensorType type)
    {
        using var team = new WorkerTeam(2);
        // Stretches of a panel, the last one not full, and panels that the outputs do not fill.
        int inputs = TensorTypes.BlockSize(type) == 1 ? 700 : 2304;
        foreach (int outputs in new[] { 1, 33, 200 })
        {
            byte[] blocks = ProductCase.RandomBlocks(type, outputs * inputs, seed: outputs);
            using var rows = new AlignedBuffer<byte>(blocks.Length);
            blocks.CopyTo(rows.Span);
            using var packed = WeightMatrix.Pack(type, outputs, inputs, NativeBytes.Of(rows), team);
            using var mapped = WeightMatrix.Map(type, outputs, inputs, NativeBytes.Of(rows));
            foreach (int count in new[] { 1, 2, 4, 7, 8, 13, 16, 33, 49, 60, 257 })
            {
                float[] x = ProductCase.RandomRows(count, inputs, seed: 3);
                foreach (KernelPath path in KernelPaths.Available)
                {
                    if (path == KernelPath.Scalar && count > 2) continue;
                    foreach (bool vnni in new[] { true, false })
                    {
                        ProductCase.AssertBits(
                            ProductCase.Multiply(path, vnni, team, packed, x), ProductCase.Multiply(path, vnni, team, mapped, x));
                    }
                }
            }
        }
    }

    [Fact]
    public void Many_short_panels_take_little_stack()
    {
        const int Outputs = 1 << 18, Inputs = 32, Rows = 7;
        using var team = new WorkerTeam(1);
        using WeightMatrix weights = ProductCase.RandomWeights(TensorType.Q4_0, Outputs, Inputs, team, seed: 1);
        using var operand = new ActivationRows(Rows, Inputs);
        operand.Load(ProductCase.RandomRows(Rows, Inputs, seed: 2), Rows, Inputs);
        float[] y = [.. Enumerable.Repeat(float.NaN, Rows * Outputs)];
        // The least stack that threads have by default is three times as large.
        var thread = new Thread(() => MatrixProduct.Multiply(KernelPaths.Best, team, weights, operand, y), maxStackSize: 512 << 10);
        thread.Start();
        thread.Join();
        Assert.DoesNotContain(float.NaN, y);
    }

    [Fact]
    public void Weights_that_were_returned_are_refused()
    {
        using var team = new WorkerTeam(1);
        using var rows = new AlignedBuffer<byte>(TensorTypes.Bytes(TensorType.Q8_0, 16 * 32));
        WeightMatrix packed = WeightMatrix.Pack(TensorType.Q8_0, 16, 32, NativeBytes.Of(rows), team);
        WeightMatrix mapped = WeightMatrix.Map(TensorType.Q8_0, 16, 32, NativeBytes.Of(rows));
        foreach (WeightMatrix weights in new[] { packed, mapped })
        {
            weights.Dispose();
            Assert.Throws<ObjectDisposedException>(() => ProductCase.Multiply(KernelPaths.Best, true, team, weights, new float[32]));
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_row_has_the_same_bits_alone_and_in_the_middle_of_a_batch(TensorType type)
    {
        const int Rows = 300, Outputs = 40;
        int inputs = InputCounts(type)[^1];
        using var team = new WorkerTeam(3);
        using var weights = ProductCase.RandomWeights(type, Outputs, inputs, team, seed: 5);
        float[] x = ProductCase.RandomRows(Rows, inputs, seed: 6);
        float[] all = ProductCase.Multiply(KernelPaths.Best, true, team, weights, x);
        foreach (int row in new[] { 0, 7, 130, 255, 256, 299 })
        {
            float[] alone = ProductCase.Multiply(KernelPaths.Best, true, team, weights, x[(row * inputs)..((row + 1) * inputs)]);
            ProductCase.AssertBits(all.AsSpan(row * Outputs, Outputs), alone);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_number_of_threads_changes_no_bit(TensorType type)
    {
        int inputs = InputCounts(type)[^1];
        using var one = new WorkerTeam(1);
        using var three = new WorkerTeam(3);
        using var weights = ProductCase.RandomWeights(type, 200, inputs, one, seed: 5);
        using var again = ProductCase.RandomWeights(type, 200, inputs, three, seed: 5);
        foreach (int rows in new[] { 1, 20 })
        {
            float[] x = ProductCase.RandomRows(rows, inputs, seed: 6);
            ProductCase.AssertBits(
                ProductCase.Multiply(KernelPaths.Best, true, one, weights, x),
                ProductCase.Multiply(KernelPaths.Best, true, three, again, x));
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void One_row_has_the_scalar_bits_however_many_walk_through_its_panels(TensorType type)
    {
        int inputs = InputCounts(type)[0];
        foreach (int threads in new[] { 1, 2, 5 })
        {
            using var team = new WorkerTeam(threads);
            // Regions of every remainder, with an odd panel at the end and without, and a last one that is not full.
            foreach (int outputs in new[] { 130, 144, 16 * 21, (16 * 38) + 1, 2000 })
            {
                using var weights = ProductCase.RandomWeights(type, outputs, inputs, team, seed: outputs);
                float[] x = ProductCase.RandomRows(1, inputs, seed: 4);
                ProductCase.AssertBits(
                    ProductCase.Multiply(KernelPath.Scalar, true, team, weights, x),
                    ProductCase.Multiply(KernelPaths.Best, true, team, weights, x));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void One_row_times_fewer_panels_than_threads_has_the_scalar_bits_and_writes_nothing_else(TensorType type)
    {
        int inputs = InputCounts(type)[0];
        using var one = new WorkerTeam(1);
        foreach (int threads in new[] { 1, 2, 3, 4, 7, 64 })
        {
            using var team = new WorkerTeam(threads);
            for (int panels = 1; panels <= 18; panels++)
            {
                int outputs = (16 * panels) - (panels % 3 * 7);
                using var weights = ProductCase.RandomWeights(type, outputs, inputs, one, seed: outputs);
                float[] x = ProductCase.RandomRows(1, inputs, seed: 4);
                float[] expected = ProductCase.Multiply(KernelPath.Scalar, true, one, weights, x);
                for (int again = 0; again < 3; again++)
                    ProductCase.AssertBits(expected, ProductCase.Multiply(KernelPaths.Best, true, team, weights, x));
            }
        }
    }

    [Fact]
    public void Many_callers_of_one_team_and_of_their_own_get_the_scalar_bits()
    {
        const int Outputs = (16 * 37) - 3, Inputs = 512;
        using var shared = new WorkerTeam(5);
        using var weights = ProductCase.RandomWeights(TensorType.Q4_K, Outputs, Inputs, shared, seed: 1);
        Parallel.For(0, 6, new ParallelOptions { MaxDegreeOfParallelism = 6 }, caller =>
        {
            using var own = new WorkerTeam(3);
            WorkerTeam team = caller % 2 == 0 ? shared : own;
            for (int i = 0; i < 200; i++)
            {
                float[] x = ProductCase.RandomRows(1, Inputs, seed: (1000 * caller) + i);
                ProductCase.AssertBits(
                    ProductCase.Multiply(KernelPath.Scalar, true, own, weights, x),
                    ProductCase.Multiply(KernelPaths.Best, true, team, weights, x));
            }
        });
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void The_result_is_the_product_of_decoded_weights_and_quantized_rows(TensorType type)
    {
        const int Rows = 9, Outputs = 37;
        using var team = new WorkerTeam(2);
        foreach (int inputs in InputCounts(type))
        {
            byte[] blocks = ProductCase.RandomBlocks(type, Outputs * inputs, seed: 7);
            using var weights = ProductCase.Pack(type, Outputs, inputs, blocks, team);
            float[] x = ProductCase.RandomRows(Rows, inputs, seed: 8);
            ProductCase.AssertNear(type, blocks, x, inputs, ProductCase.Multiply(KernelPaths.Best, true, team, weights, x));
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Extreme_codes_and_activations_are_exact_on_every_path(TensorType type)
    {
        const int Rows = 10, Outputs = 16;
        int inputs = InputCounts(type)[^1];
        using var team = new WorkerTeam(1);
        float[][] activations =
        [
            ProductCase.Rows(Rows, inputs, _ => 1), ProductCase.Rows(Rows, inputs, _ => -1),
            ProductCase.Rows(Rows, inputs, i => i % 2 == 0 ? 1 : -1), ProductCase.Rows(Rows, inputs, _ => 0),
        ];
        foreach (byte fill in new byte[] { 0x00, 0xFF, 0x80, 0x7F, 0x0F, 0xF0 })
        {
            byte[] blocks = ProductCase.FilledBlocks(type, Outputs * inputs, fill);
            using var weights = ProductCase.Pack(type, Outputs, inputs, blocks, team);
            foreach (float[] x in activations)
            {
                float[] expected = ProductCase.Multiply(KernelPath.Scalar, true, team, weights, x);
                ProductCase.AssertNear(type, blocks, x, inputs, expected);
                foreach (KernelPath path in KernelPaths.Available.Skip(1))
                {
                    ProductCase.AssertBits(expected, ProductCase.Multiply(path, true, team, weights, x));
                    ProductCase.AssertBits(expected, ProductCase.Multiply(path, false, team, weights, x));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_product_allocates_nothing(TensorType type)
    {
        const int Outputs = 64, Inputs = 512;
        using var team = new WorkerTeam(2);
        byte[] blocks = ProductCase.RandomBlocks(type, Outputs * Inputs, seed: 1);
        using var source = new AlignedBuffer<byte>(blocks.Length);
        blocks.CopyTo(source.Span);
        using var packed = WeightMatrix.Pack(type, Outputs, Inputs, NativeBytes.Of(source), team);
        using var mapped = WeightMatrix.Map(type, Outputs, Inputs, NativeBytes.Of(source));
        using var x = new ActivationRows(16, Inputs);
        var y = new float[16 * Outputs];
        float[] values = ProductCase.RandomRows(16, Inputs, seed: 2);
        foreach (KernelPath path in KernelPaths.Available)
        {
            foreach ((WeightMatrix weights, int rows) in new[] { (packed, 1), (packed, 16), (mapped, 1), (mapped, 16) })
            {
                Assert.Equal(0, Allocations.OfWarm(() =>
                {
                    x.Load(values.AsSpan(0, rows * Inputs), rows, Inputs);
                    MatrixProduct.Multiply(path, team, weights, x, y.AsSpan(0, rows * Outputs));
                }));
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void What_is_not_finite_in_a_row_shows_in_its_results_and_nowhere_else(float bad)
    {
        using var team = new WorkerTeam(1);
        foreach (TensorType type in TensorTypes.Supported)
        {
            using var weights = ProductCase.RandomWeights(type, 16, 512, team, seed: 1);
            float[] x = ProductCase.RandomRows(3, 512, seed: 2);
            x[512 + 300] = bad;
            foreach (KernelPath path in KernelPaths.Available)
            {
                float[] y = ProductCase.Multiply(path, true, team, weights, x);
                Assert.All(y[..16], v => Assert.True(float.IsFinite(v)));
                Assert.All(y[16..32], v => Assert.False(float.IsFinite(v)));
                Assert.All(y[32..], v => Assert.True(float.IsFinite(v)));
            }
        }
    }

    [Fact]
    public void Half_weights_that_are_not_finite_show_and_all_others_are_widened_exactly()
    {
        // Every half there is, each the only weight of an output, times one.
        const int Outputs = 1 << 16;
        using var team = new WorkerTeam(1);
        byte[] halves = [.. Enumerable.Range(0, Outputs).SelectMany(i => new[] { (byte)i, (byte)(i >> 8) })];
        using var all = ProductCase.Pack(TensorType.F16, Outputs, 1, halves, team);
        // Without those of exponent 31.
        byte[] finite = [.. Enumerable.Range(0, Outputs).SelectMany(i => new[] { (byte)i, (byte)((i & 0x7C00) == 0x7C00 ? 0 : i >> 8) })];
        using var some = ProductCase.Pack(TensorType.F16, Outputs, 1, finite, team);
        using var bytes = new AlignedBuffer<byte>(halves.Length);
        halves.CopyTo(bytes.Span);
        using var mapped = WeightMatrix.Map(TensorType.F16, Outputs, 1, NativeBytes.Of(bytes));
        foreach (KernelPath path in KernelPaths.Available)
        {
            foreach (int rows in new[] { 1, 9 })
            {
                float[] x = ProductCase.Rows(rows, 1, _ => 1);
                AssertHalves(halves, ProductCase.Multiply(path, true, team, all, x));
                AssertHalves(halves, ProductCase.Multiply(path, true, team, mapped, x));
                AssertHalves(finite, ProductCase.Multiply(path, true, team, some, x));
            }
        }
    }

    [Fact]
    public void Loading_new_rows_forgets_the_old_quantized_ones()
    {
        using var team = new WorkerTeam(1);
        using var weights = ProductCase.RandomWeights(TensorType.Q8_0, 16, 64, team, seed: 1);
        using var x = new ActivationRows(1, 64);
        float[] first = new float[16], second = new float[16];
        float[] values = ProductCase.RandomRows(1, 64, seed: 2);
        x.Load(values, 1, 64);
        MatrixProduct.Multiply(KernelPaths.Best, team, weights, x, first);
        x.Load(values.Select(v => -v).ToArray(), 1, 64);
        MatrixProduct.Multiply(KernelPaths.Best, team, weights, x, second);
        Assert.All(first.Zip(second), p => Assert.Equal(p.First, -p.Second));
    }

    [Fact]
    public void Wrong_shapes_are_refused()
    {
        using var team = new WorkerTeam(1);
        using var weights = ProductCase.RandomWeights(TensorType.Q8_0, 16, 64, team, seed: 1);
        using var x = new ActivationRows(2, 64);
        Assert.Throws<ArgumentException>(() => x.Load(new float[63], 1, 64));
        Assert.Throws<ArgumentException>(() => x.Load(new float[192], 3, 64));
        x.Load(new float[32], 1, 32);
        Assert.Throws<ArgumentException>(() => MatrixProduct.Multiply(KernelPaths.Best, team, weights, x, new float[16]));
        x.Load(new float[64], 1, 64);
        Assert.Throws<ArgumentException>(() => MatrixProduct.Multiply(KernelPaths.Best, team, weights, x, new float[15]));
        using var bytes = new AlignedBuffer<byte>(68);
        Assert.Throws<ArgumentException>(() => WeightMatrix.Pack(TensorType.Q8_0, 1, 33, NativeBytes.Of(bytes), team));
        Assert.Throws<ArgumentException>(() => WeightMatrix.Pack(TensorType.Q8_0, 1, 32, NativeBytes.Of(bytes), team));
        Assert.Throws<ArgumentException>(() => WeightMatrix.Pack((TensorType)99, 1, 32, NativeBytes.Of(bytes), team));
    }

    private static void AssertHalves(byte[] halves, float[] y)
    {
        for (int i = 0; i < y.Length; i++)
        {
            float expected = (float)BitConverter.ToHalf(halves, i * 2 % halves.Length);
            if (!expected.Equals(y[i])) Assert.Fail($"{expected} became {y[i]}");
        }
    }

    private static int[] InputCounts(TensorType type) => TensorTypes.BlockSize(type) switch
    {
        1 => [1, 7, 300],
        32 => [32, 1120],
        _ => [256, 1280],
    };
}
