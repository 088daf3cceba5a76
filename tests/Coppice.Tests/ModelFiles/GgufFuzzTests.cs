using System.Buffers.Binary;
using Coppice.Kernels.Formats;
using Coppice.ModelFiles;

namespace Coppice.Tests.ModelFiles;

/// <summary>Whatever is done to a file's bytes, it opens or it gives the one error, and takes little memory on the way.</summary>
public sealed class GgufFuzzTests : IDisposable
{
    private const long MaxAllocatedBytes = 1 << 20;

    private readonly TemporaryFile _target = new();
    private readonly byte[] _valid;
    private int _opened;
    private int _refused;

    public GgufFuzzTests()
    {
        new GgufWriter()
            .Set("general.alignment", 32u).Set("a", "text").Set("b", 1.5).Set("c", true)
            .Set("d", ["one", "two", ""])
            .Set("e", new[] { true, false })
            .Set("f", GgufValue.From(GgufValueType.Array, [new[] { 1f, 2f }, GgufValue.From(["x"])]))
            .AddTensor("w", TensorType.Q8_0, [32, 2], new byte[68])
            .AddTensor("v", TensorType.F32, [2, 1, 2], new byte[16])
            .Write(_target.Path);
        _valid = File.ReadAllBytes(_target.Path);
    }

    public void Dispose() => _target.Dispose();

    [Fact]
    public void Cut_at_any_length_it_opens_only_where_nothing_but_padding_is_missing()
    {
        for (int length = 0; length < _valid.Length; length++)
        {
            bool opens = Try(_valid.AsSpan(0, length));
            Assert.Equal(length >= _valid.Length - 16, opens);
        }
    }

    [Fact]
    public void Every_byte_flipped()
    {
        for (int at = 0; at < _valid.Length; at++)
        {
            foreach (byte mask in (ReadOnlySpan<byte>)[0x01, 0x80, 0xff])
            {
                byte[] bytes = [.. _valid];
                bytes[at] ^= mask;
                Try(bytes);
            }
        }
        AssertBothHappened();
    }

    [Fact]
    public void Every_field_huge_at_every_position()
    {
        for (int at = 0; at + 8 <= _valid.Length; at++)
        {
            foreach (ulong value in (ReadOnlySpan<ulong>)[ulong.MaxValue, long.MaxValue, 1ul << 63, int.MaxValue, 1ul << 40, 0])
            {
                byte[] bytes = [.. _valid];
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), value);
                Try(bytes);
            }
            byte[] half = [.. _valid];
            BinaryPrimitives.WriteUInt32LittleEndian(half.AsSpan(at), uint.MaxValue);
            Try(half);
        }
        AssertBothHappened();
    }

    [Fact]
    public void Random_mutations()
    {
        var random = new Random(20240607);
        for (int round = 0; round < 3000; round++)
        {
            byte[] bytes = [.. _valid];
            for (int change = random.Next(1, 8); change > 0; change--)
            {
                int at = random.Next(4, bytes.Length);
                switch (random.Next(4))
                {
                    case 0: bytes[at] = (byte)random.Next(256); break;
                    case 1: bytes[at] = (byte)random.Next(16); break;
                    case 2: random.NextBytes(bytes.AsSpan(at, Math.Min(8, bytes.Length - at))); break;
                    default: bytes.AsSpan(at, Math.Min(random.Next(24), bytes.Length - at)).CopyTo(bytes.AsSpan(random.Next(at))); break;
                }
            }
            Try(bytes);
        }
        AssertBothHappened();
    }

    [Fact]
    public void Random_bytes_behind_a_valid_start()
    {
        var random = new Random(11);
        for (int round = 0; round < 500; round++)
        {
            byte[] bytes = new byte[random.Next(24, 512)];
            random.NextBytes(bytes);
            GgufBytes.Header(3, (ulong)random.Next(4), (ulong)random.Next(1, 4)).ToArray().CopyTo(bytes, 0);
            Assert.False(Try(bytes));
        }
    }

    /// <summary>Opens the bytes and, where that works, reads all of them in every way.</summary>
    private bool Try(ReadOnlySpan<byte> bytes)
    {
        File.WriteAllBytes(_target.Path, bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool opened;
        try
        {
            using GgufFile file = GgufFile.Open(_target.Path, allowUnsupportedTypes: (_opened & 1) == 1);
            foreach ((_, GgufValue value) in file.Metadata) _ = value.ToString();
            foreach (GgufTensor tensor in file.Tensors) Touch(file.Data(tensor).Span(0, (int)tensor.Bytes));
            opened = true;
            _opened++;
        }
        catch (ModelFormatException error)
        {
            Assert.DoesNotContain('\n', error.Message);
            opened = false;
            _refused++;
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MaxAllocatedBytes);
        return opened;
    }

    private static void Touch(ReadOnlySpan<byte> bytes)
    {
        int sum = 0;
        foreach (byte b in bytes) sum += b;
        Assert.True(sum >= 0);
    }

    private void AssertBothHappened()
    {
        Assert.NotEqual(0, _opened);
        Assert.NotEqual(0, _refused);
    }
}
