using Coppice.Kernels.Emitted;
using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;
using Coppice.Kernels.Tests.Elementwise;
using Coppice.Kernels.Tests.Products;

namespace Coppice.Kernels.Tests.Emitted;

public sealed class EmittedTilesTests
{
    public static TheoryData<TensorType> Types => [.. TensorTypes.Supported.Where(type => TensorTypes.BlockSize(type) > 1)];

    public static TheoryData<TensorType> TypesOf32 => [.. TensorTypes.Supported.Where(type => TensorTypes.BlockSize(type) == 32)];

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_row_count_and_length_gives_the_scalar_bits(TensorType type)
    {
        int block = TensorTypes.BlockSize(type);
        foreach (int inputs in new[] { block, 2 * block, 5 * block })
        {
            float[] x = ProductCase.RandomRows(EmittedTiles.MaxRows, inputs, seed: inputs);
            AssertSame(type, inputs, ProductCase.RandomBlocks(type, 16 * inputs, seed: 3), x);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Extreme_codes_and_activations_are_exact(TensorType type)
    {
        int inputs = 2 * TensorTypes.BlockSize(type);
        foreach (byte fill in new byte[] { 0x00, 0xFF, 0x80, 0x7F, 0x0F, 0xF0 })
        {
            byte[] blocks = ProductCase.FilledBlocks(type, 16 * inputs, fill);
            foreach (Func<int, float> value in new Func<int, float>[] { _ => 1, _ => -1, i => i % 2 == 0 ? 1 : -1, _ => 0 })
                AssertSame(type, inputs, blocks, ProductCase.Rows(EmittedTiles.MaxRows, inputs, value));
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Half_scales_of_every_size_are_widened_exactly(TensorType type)
    {
        int inputs = TensorTypes.BlockSize(type);
        byte[] blocks = ProductCase.RandomBlocks(type, 16 * inputs, seed: 4);
        var random = new Random(5);
        ProductCase.SetScales(type, blocks, () => BitConverter.UInt16BitsToHalf((ushort)(random.Next(0x7C00) | (random.Next(2) << 15))));
        AssertSame(type, inputs, blocks, ProductCase.RandomRows(EmittedTiles.MaxRows, inputs, seed: 6));
    }

    [Theory]
    [MemberData(nameof(TypesOf32))]
    public void Infinite_scales_give_the_scalar_bits(TensorType type)
    {
        int inputs = 3 * TensorTypes.BlockSize(type);
        byte[] blocks = ProductCase.RandomBlocks(type, 16 * inputs, seed: 4);
        var random = new Random(5);
        ProductCase.SetScales(type, blocks, () => random.Next(8) switch { 0 => Half.PositiveInfinity, 1 => Half.NegativeInfinity, _ => Half.One });
        float[] x = ProductCase.RandomRows(EmittedTiles.MaxRows, inputs, seed: 6);
        x.AsSpan(0, inputs).Clear();
        AssertSame(type, inputs, blocks, x);
    }

    [Fact]
    public void What_is_not_finite_in_a_row_shows_in_its_results_and_nowhere_else()
    {
        float[] x = ProductCase.RandomRows(3, 512, seed: 2);
        x[512 + 300] = float.PositiveInfinity;
        foreach (TensorType type in Types)
        {
            using Case it = new(type, 512, ProductCase.RandomBlocks(type, 16 * 512, seed: 1), x);
            float[] y = it.Emitted(unpacked: false, rows: 3);
            Assert.All(y[..16], v => Assert.True(float.IsFinite(v)));
            Assert.All(y[16..32], v => Assert.True(float.IsNaN(v)));
            Assert.All(y[32..], v => Assert.True(float.IsFinite(v)));
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Nothing_is_read_or_written_past_the_operands(TensorType type)
    {
        int inputs = 2 * TensorTypes.BlockSize(type);
        using Case it = new(type, inputs, ProductCase.RandomBlocks(type, 16 * inputs, seed: 7), ProductCase.RandomRows(EmittedTiles.MaxRows, inputs, seed: 8));
        foreach (int rows in new[] { 1, 2, 5, 10, 11, 12 })
        {
            ProductCase.AssertBits(it.Emitted(unpacked: false, rows), it.Guarded(unpacked: false, rows));
            ProductCase.AssertBits(it.Emitted(unpacked: true, rows), it.Guarded(unpacked: true, rows));
        }
    }

    [Fact]
    public void Forbidden_code_is_not_emitted()
    {
        Assert.False(EmittedCode.Allowed("0"));
        Assert.True(EmittedCode.Allowed(null));
        Assert.True(EmittedCode.Allowed("1"));
        Assert.Null(EmittedTiles.TryCreate(TensorType.Q8_0, available: false));
    }

    [Fact]
    public unsafe void Loaded_code_can_be_called()
    {
        if (!ExecutableMemory.Supported) Assert.Skip("needs Linux on x64");
        byte[] fortyTwo = [0xB8, 42, 0, 0, 0, 0xC3]; // mov eax, 42; ret
        using ExecutableMemory? memory = ExecutableMemory.TryLoad(fortyTwo);
        if (memory is null) Assert.Skip("the operating system refuses executable pages");
        Assert.Equal(42, ((delegate* unmanaged<int>)memory.Address)());
        memory.Dispose();
        Assert.Throws<ObjectDisposedException>(() => (nint)memory.Address);
    }

    private static void AssertSame(TensorType type, int inputs, byte[] blocks, float[] x)
    {
        using Case it = new(type, inputs, blocks, x);
        it.AssertUnpackedAlike();
        float[] expected = it.Scalar();
        for (int rows = 1; rows <= EmittedTiles.MaxRows; rows++)
        {
            ProductCase.AssertBits(expected.AsSpan(0, rows * 16), it.Emitted(unpacked: false, rows));
            ProductCase.AssertBits(expected.AsSpan(0, rows * 16), it.Emitted(unpacked: true, rows));
        }

        for (int rows = 1; rows <= EmittedTiles.MaxPairRows; rows++)
        {
            it.AssertPair(unpacked: true, rows);
            if (it.HasPackedPairs) it.AssertPair(unpacked: false, rows);
        }

        it.AssertTwoPanels();
    }

    /// <summary>
    /// One panel, or two, times some rows, by the scalar and by the emitted kernel. The second panel has the first one's outputs in
    /// reverse. Sums start from numbers other than zero.
    /// </summary>
    private sealed unsafe class Case : IDisposable
    {
        private const int YStride = 20;
        private readonly WorkerTeam _team = new(1);
        private readonly WeightMatrix _weights;
        private readonly WeightMatrix _second;
        private readonly ActivationRows _x;
        private readonly EmittedTiles _tiles;
        private readonly AlignedBuffer<byte> _unpacked;
        private readonly AlignedBuffer<byte> _secondUnpacked;
        private readonly bool _small;
        private readonly byte* _blocks;
        private readonly nint _stride;

        public Case(TensorType type, int inputs, byte[] blocks, float[] x)
        {
            if (!EmittedCode.IsAvailable) Assert.Skip("needs Linux on x64, AVX512_VNNI and COPPICE_EMIT other than 0");
            EmittedTiles? tiles = EmittedTiles.TryCreate(type, available: true);
            if (tiles is null) Assert.Skip("the operating system refuses executable pages");
            _tiles = tiles;
            _weights = ProductCase.Pack(type, 16, inputs, blocks, _team);
            _second = ProductCase.Pack(type, 16, inputs, [.. blocks.Chunk(blocks.Length / 16).Reverse().SelectMany(row => row)], _team);
            _x = new ActivationRows(x.Length / inputs, inputs);
            _x.Load(x, x.Length / inputs, inputs);
            _small = TensorTypes.BlockSize(type) == 32;
            _blocks = _small ? _x.Blocks32(KernelPath.Scalar, _team) : _x.Blocks256(KernelPath.Scalar, _team);
            _stride = _x.BlockStride(TensorTypes.BlockSize(type));
            _unpacked = new AlignedBuffer<byte>(Steps * (long)TileLayout.Packed(type).Unpacked().StepBytes);
            _secondUnpacked = new AlignedBuffer<byte>(_unpacked.Length);
            Visit(new Unpacker { Panel = _weights.Data, Unpacked = _unpacked.Pointer });
            Visit(new Unpacker { Panel = _second.Data, Unpacked = _secondUnpacked.Pointer });
        }

        public bool HasPackedPairs => _tiles.HasPackedPairs;

        private int Steps => _weights.Inputs / TensorTypes.BlockSize(_weights.Type);

        public void AssertUnpackedAlike()
        {
            using var unpacked = new AlignedBuffer<byte>(_unpacked.Length);
            _tiles.Unpack(_weights.Data, unpacked.Pointer, Steps);
            Assert.True(_unpacked.Span.SequenceEqual(unpacked.Span), "unpacked differently");
        }

        public float[] Scalar()
        {
            float[] y = Sums(_x.Rows);
            fixed (float* p = y) Visit(new Scalars { Panel = _weights.Data, Rows = _x.Rows, Y = p });
            return Compact(y, _x.Rows);
        }

        /// <summary>Two panels, whose sums lie one after the other, against the scalar kernel on each; all operands end before guard pages.</summary>
        public void AssertPair(bool unpacked, int rows)
            => AssertPair(unpacked, rows, call => _tiles.Pair(unpacked, rows, (TileCall*)call));

        /// <summary>As the other, of one row and packed panels, which lie in two places.</summary>
        public void AssertTwoPanels() => AssertPair(unpacked: false, rows: 1, call => _tiles.TwoPanels((TileCall*)call));

        private void AssertPair(bool unpacked, int rows, Action<nint> tile)
        {
            float[] expected = Sums(2 * rows);
            fixed (float* p = expected)
            {
                Visit(new Scalars { Panel = _weights.Data, Rows = rows, Y = p });
                Visit(new Scalars { Panel = _second.Data, Rows = rows, Y = p + (rows * YStride) });
            }

            byte* first = unpacked ? _unpacked.Pointer : _weights.Data, second = unpacked ? _secondUnpacked.Pointer : _second.Data;
            int panelFloats = (int)(unpacked ? _unpacked.Length : _weights.Bytes) / sizeof(float);
            int xFloats = (int)(((rows - 1) * _stride) + (Steps * (_small ? Block32.Bytes : Block256.Bytes))) / sizeof(float);
            using var firstPanel = new GuardedFloats(new Span<float>(first, panelFloats));
            using var secondPanel = new GuardedFloats(new Span<float>(second, panelFloats));
            using var x = new GuardedFloats(new Span<float>(_blocks, xFloats));
            using var sums = new GuardedFloats(Sums(2 * rows).AsSpan(0, (((2 * rows) - 1) * YStride) + 16));
            fixed (float* firstPointer = firstPanel.Span, secondPointer = secondPanel.Span, xPointer = x.Span, y = sums.Span)
            {
                var call = new TileCall
                {
                    Panel = (byte*)firstPointer,
                    PanelStride = (nint)((byte*)secondPointer - (byte*)firstPointer),
                    X = (byte*)xPointer,
                    XStride = _stride,
                    Y = y,
                    YStride = YStride * sizeof(float),
                    Steps = Steps,
                };
                tile((nint)(&call));
            }

            ProductCase.AssertBits(Compact(expected, 2 * rows), Compact(sums.Span.ToArray(), 2 * rows));
        }

        public float[] Emitted(bool unpacked, int rows)
        {
            float[] y = Sums(rows);
            fixed (float* p = y)
            {
                var call = new TileCall
                {
                    Panel = unpacked ? _unpacked.Pointer : _weights.Data,
                    X = _blocks,
                    XStride = _stride,
                    Y = p,
                    YStride = YStride * sizeof(float),
                    Steps = Steps,
                };
                if (unpacked) _tiles.Unpacked(rows, &call);
                else _tiles.Packed(rows, &call);
            }

            for (int i = 0; i < y.Length; i++) if (i % YStride >= 16) Assert.Equal(i, y[i]);
            return Compact(y, rows);
        }

        /// <summary>As <see cref="Emitted"/>, with operands that end where pages without access begin.</summary>
        public float[] Guarded(bool unpacked, int rows)
        {
            int panelFloats = (int)(unpacked ? _unpacked.Length : _weights.Bytes) / sizeof(float);
            int xFloats = (int)(((rows - 1) * _stride) + (Steps * (_small ? Block32.Bytes : Block256.Bytes))) / sizeof(float);
            using var panel = new GuardedFloats(new Span<float>(unpacked ? _unpacked.Pointer : _weights.Data, panelFloats));
            using var x = new GuardedFloats(new Span<float>(_blocks, xFloats));
            using var sums = new GuardedFloats(Sums(rows).AsSpan(0, ((rows - 1) * YStride) + 16));
            fixed (float* panelPointer = panel.Span, xPointer = x.Span, y = sums.Span)
            {
                var call = new TileCall
                {
                    Panel = (byte*)panelPointer,
                    X = (byte*)xPointer,
                    XStride = _stride,
                    Y = y,
                    YStride = YStride * sizeof(float),
                    Steps = Steps,
                };
                if (unpacked) _tiles.Unpacked(rows, &call);
                else _tiles.Packed(rows, &call);
            }

            return Compact(sums.Span.ToArray(), rows);
        }

        public void Dispose()
        {
            _unpacked.Dispose();
            _secondUnpacked.Dispose();
            _second.Dispose();
            _tiles.Dispose();
            _weights.Dispose();
            _x.Dispose();
            _team.Dispose();
        }

        private static float[] Sums(int rows) => [.. Enumerable.Range(0, rows * YStride).Select(i => (float)i)];

        private static float[] Compact(float[] y, int rows)
            => [.. Enumerable.Range(0, rows).SelectMany(row => y.Skip(row * YStride).Take(16))];

        private void Visit<TVisitor>(TVisitor visitor)
            where TVisitor : IVisitor
        {
            switch (_weights.Type)
            {
                case TensorType.Q8_0: visitor.Visit<PanelQ8_0>(this); break;
                case TensorType.Q4_0: visitor.Visit<PanelQ4_0>(this); break;
                case TensorType.Q4_1: visitor.Visit<PanelQ4_1>(this); break;
                case TensorType.Q5_0: visitor.Visit<PanelQ5_0>(this); break;
                case TensorType.Q5_1: visitor.Visit<PanelQ5_1>(this); break;
                case TensorType.Q2_K: visitor.Visit<PanelQ2_K>(this); break;
                case TensorType.Q3_K: visitor.Visit<PanelQ3_K>(this); break;
                case TensorType.Q4_K: visitor.Visit<PanelQ4_K>(this); break;
                case TensorType.Q5_K: visitor.Visit<PanelQ5_K>(this); break;
                case TensorType.Q6_K: visitor.Visit<PanelQ6_K>(this); break;
                default: throw new InvalidOperationException($"{_weights.Type}");
            }
        }

        private interface IVisitor
        {
            void Visit<TFormat>(Case it)
                where TFormat : struct, IPanelFormat;
        }

        private readonly struct Scalars : IVisitor
        {
            public byte* Panel { get; init; }

            public int Rows { get; init; }

            public float* Y { get; init; }

            public void Visit<TFormat>(Case it)
                where TFormat : struct, IPanelFormat
                => ScalarTile<TFormat>.Rows(Panel, it.Steps, it._blocks, it._stride, Rows, Y, YStride);
        }

        private readonly struct Unpacker : IVisitor
        {
            public byte* Panel { get; init; }

            public byte* Unpacked { get; init; }

            public void Visit<TFormat>(Case it)
                where TFormat : struct, IPanelFormat
            {
                Assert.Equal(UnpackedPanel<TFormat>.StepBytes, TileLayout.Packed(it._weights.Type).Unpacked().StepBytes);
                UnpackedPanel<TFormat>.Unpack(Panel, it.Steps, Unpacked);
            }
        }
    }
}
