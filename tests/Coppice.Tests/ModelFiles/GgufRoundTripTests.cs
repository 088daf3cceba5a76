using Coppice.Kernels.Formats;
using Coppice.ModelFiles;

namespace Coppice.Tests.ModelFiles;

public sealed class GgufRoundTripTests
{
    [Fact]
    public void Every_scalar_type_reads_back_with_its_type_and_value()
    {
        using var target = new TemporaryFile();
        new GgufWriter()
            .Set("a.uint8", byte.MaxValue).Set("a.int8", sbyte.MinValue)
            .Set("a.uint16", ushort.MaxValue).Set("a.int16", short.MinValue)
            .Set("a.uint32", uint.MaxValue).Set("a.int32", int.MinValue)
            .Set("a.uint64", (ulong)long.MaxValue).Set("a.int64", long.MinValue)
            .Set("a.float32", 1.5f).Set("a.float64", -2.25)
            .Set("a.true", true).Set("a.false", false)
            .Set("a.string", "Grüße, 世界 🌍").Set("a.empty", "")
            .Write(target.Path);

        using GgufFile file = GgufFile.Open(target.Path);
        GgufMetadata metadata = file.Metadata;
        Assert.Equal(3, file.Version);
        Assert.Equal(14, metadata.Count);
        Assert.Equal("a.uint8", metadata.Keys[0]);
        Assert.Equal("a.empty", metadata.Keys[13]);
        Assert.Equal(
            [
                GgufValueType.UInt8, GgufValueType.Int8, GgufValueType.UInt16, GgufValueType.Int16, GgufValueType.UInt32, GgufValueType.Int32,
                GgufValueType.UInt64, GgufValueType.Int64, GgufValueType.Float32, GgufValueType.Float64, GgufValueType.Bool, GgufValueType.Bool,
                GgufValueType.String, GgufValueType.String,
            ],
            metadata.Select(entry => entry.Value.Type));
        Assert.Equal(255, metadata.GetInt("a.uint8"));
        Assert.Equal(-128, metadata.GetInt("a.int8"));
        Assert.Equal(65535, metadata.GetInt("a.uint16"));
        Assert.Equal(-32768, metadata.GetInt("a.int16"));
        Assert.Equal(uint.MaxValue, metadata.GetLong("a.uint32"));
        Assert.Equal(int.MinValue, metadata.GetInt("a.int32"));
        Assert.Equal(long.MaxValue, metadata.GetLong("a.uint64"));
        Assert.Equal(long.MinValue, metadata.GetLong("a.int64"));
        Assert.Equal(1.5f, metadata.GetFloat("a.float32"));
        Assert.Equal(-2.25f, metadata.GetFloat("a.float64"));
        Assert.True(metadata.GetBool("a.true"));
        Assert.False(metadata.GetBool("a.false"));
        Assert.Equal("Grüße, 世界 🌍", metadata.GetString("a.string"));
        Assert.Equal("", metadata.GetString("a.empty"));
    }

    [Fact]
    public void Arrays_of_every_type_and_nested_ones_read_back()
    {
        using var target = new TemporaryFile();
        string[] texts = ["", "a", "βγ"];
        GgufValue nested = GgufValue.From(GgufValueType.Array, [new[] { 1, 2, 3 }, GgufValue.From(texts), Array.Empty<float>()]);
        new GgufWriter()
            .Set("b.uint8", new byte[] { 0, 255 }).Set("b.int8", new sbyte[] { -1, 1 })
            .Set("b.uint16", new ushort[] { 7 }).Set("b.int16", new short[] { -7 })
            .Set("b.uint32", new uint[] { 1, 2 }).Set("b.int32", new[] { -1, 2, -3 })
            .Set("b.uint64", new ulong[] { 5 }).Set("b.int64", new long[] { -5 })
            .Set("b.float32", new[] { 0.5f, -0f, float.NaN }).Set("b.float64", new[] { 0.1 })
            .Set("b.bool", new[] { true, false, true })
            .Set("b.string", texts).Set("b.none", Array.Empty<string>())
            .Set("b.nested", nested)
            .Write(target.Path);

        using GgufFile file = GgufFile.Open(target.Path);
        GgufMetadata metadata = file.Metadata;
        Assert.Equal([0, 255], metadata.Ints("b.uint8"));
        Assert.Equal([-1, 1], metadata.Ints("b.int8"));
        Assert.Equal([7], metadata.Ints("b.uint16"));
        Assert.Equal([-7], metadata.Ints("b.int16"));
        Assert.Equal([1, 2], metadata.Ints("b.uint32"));
        Assert.Equal([-1, 2, -3], metadata.Ints("b.int32"));
        Assert.Equal([5], metadata.Ints("b.uint64"));
        Assert.Equal([-5], metadata.Ints("b.int64"));
        Assert.Equal([0.5f, -0f, float.NaN], metadata.Floats("b.float32"));
        Assert.Equal([0.1f], metadata.Floats("b.float64"));
        Assert.Equal([true, false, true], metadata.Bools("b.bool"));
        Assert.Equal(texts, metadata.Strings("b.string"));
        Assert.Empty(metadata.Strings("b.none"));
        Assert.Equal(nested, metadata["b.nested"]);
        Assert.Equal(3, metadata["b.nested"].Count);
        Assert.Equal("[1, 2, 3]", metadata["b.nested"][0].ToString());
        Assert.True(metadata["b.nested"][1][2].TryGetString(out string inner));
        Assert.Equal("βγ", inner);
        Assert.Equal(0, metadata["b.nested"][2].Count);
    }

    [Fact]
    public void Text_that_is_no_UTF8_keeps_its_bytes_and_decodes_with_replacement()
    {
        using var target = new TemporaryFile();
        ReadOnlyMemory<byte>[] tokens = ["ok"u8.ToArray(), new byte[] { 0xe2, 0x96 }, new byte[] { 0xff }];
        new GgufWriter().Set("tokens", tokens).Write(target.Path);

        using GgufFile file = GgufFile.Open(target.Path);
        Assert.Equal(tokens.Select(token => token.ToArray()), file.Metadata.ByteStrings("tokens").Select(token => token.ToArray()));
        Assert.Equal(["ok", "\ufffd", "\ufffd"], file.Metadata.Strings("tokens"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(32u)]
    [InlineData(8u)]
    [InlineData(4096u)]
    public void Tensors_read_back_at_aligned_offsets(uint? alignment)
    {
        using var target = new TemporaryFile();
        var random = new Random(7);
        byte[] floats = Bytes(random, 5 * 3 * 4), quants = Bytes(random, 2 * 34 * 3), halves = Bytes(random, 2);
        var writer = new GgufWriter();
        if (alignment is { } given) writer.Set("general.alignment", given);
        writer
            .AddTensor("floats", TensorType.F32, [5, 3], floats)
            .AddTensor("quants", TensorType.Q8_0, [64, 3, 1, 1], stream =>
            {
                foreach (byte b in quants) stream.WriteByte(b);
            })
            .AddTensor("half", TensorType.F16, [1], halves)
            .Write(target.Path);

        using GgufFile file = GgufFile.Open(target.Path);
        Assert.Equal(alignment ?? 32, file.Alignment);
        Assert.Equal(["floats", "quants", "half"], file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal([5, 3], file.GetTensor("floats").Dimensions);
        Assert.Equal([64, 3, 1, 1], file.GetTensor("quants").Dimensions);
        Assert.Equal(3, file.GetTensor("quants").Rows);
        Assert.Equal(floats, Read(file, "floats"));
        Assert.Equal(quants, Read(file, "quants"));
        Assert.Equal(halves, Read(file, "half"));
        Assert.All(file.Tensors, tensor => Assert.Equal(0, tensor.Offset % file.Alignment));
        Assert.Equal(0, new FileInfo(target.Path).Length % file.Alignment);
        Assert.Equal(floats.Length + quants.Length + halves.Length, file.DataBytes);
    }

    [Fact]
    public void A_real_model_copied_key_by_key_and_tensor_by_tensor_is_the_same_file()
    {
        string source = SharedData.File("stories260K/stories260K-Q8_0.gguf");
        using var target = new TemporaryFile();
        using (GgufFile file = GgufFile.Open(source))
        {
            var writer = new GgufWriter();
            foreach ((string key, GgufValue value) in file.Metadata) writer.Set(key, value);
            foreach (GgufTensor tensor in file.Tensors) writer.AddTensor(tensor.Name, tensor.Type, [.. tensor.Dimensions], file.Data(tensor));
            writer.Write(target.Path);
        }
        Assert.Equal(File.ReadAllBytes(source), File.ReadAllBytes(target.Path));
    }

    [Fact]
    public void A_key_set_again_keeps_its_place_and_takes_the_new_value()
    {
        using var target = new TemporaryFile();
        new GgufWriter().Set("first", 1).Set("second", 2).Set("first", "one").Write(target.Path);
        using GgufFile file = GgufFile.Open(target.Path);
        Assert.Equal(["first", "second"], file.Metadata.Keys);
        Assert.Equal("one", file.Metadata.GetString("first"));
    }

    [Theory]
    [InlineData(15)]
    [InlineData(17)]
    public void A_source_of_the_wrong_length_leaves_the_old_file_and_nothing_else(int bytes)
    {
        using var target = new TemporaryFile();
        File.WriteAllText(target.Path, "old");
        GgufWriter writer = new GgufWriter().AddTensor("weights", TensorType.F32, [4], new byte[bytes]);
        var error = Assert.Throws<InvalidOperationException>(() => writer.Write(target.Path));
        Assert.Contains("weights", error.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(target.Path));
        Assert.Equal(["model.gguf"], target.Neighbours);
    }

    [Fact]
    public void A_file_may_be_rewritten_from_its_own_mapping()
    {
        using var target = new TemporaryFile();
        byte[] data = Bytes(new Random(3), 64);
        new GgufWriter().AddTensor("t", TensorType.F32, [16], data).Write(target.Path);
        using (GgufFile file = GgufFile.Open(target.Path))
            new GgufWriter().Set("new", true).AddTensor("t", TensorType.F32, [16], file.Data(file.GetTensor("t"))).Write(target.Path);
        using GgufFile again = GgufFile.Open(target.Path);
        Assert.True(again.Metadata.GetBool("new"));
        Assert.Equal(data, Read(again, "t"));
    }

    [Fact]
    public void What_no_reader_would_take_is_refused()
    {
        var writer = new GgufWriter().AddTensor("t", TensorType.F32, [1], new byte[4]);
        Assert.Throws<ArgumentException>(() => writer.AddTensor("t", TensorType.F32, [1], new byte[4]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("", TensorType.F32, [1], new byte[4]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor(new string('n', 64), TensorType.F32, [1], new byte[4]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", TensorType.F32, [], new byte[4]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", TensorType.F32, [1, 1, 1, 1, 1], new byte[4]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", TensorType.F32, [0], new byte[4]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", TensorType.F32, [long.MaxValue, 2], new byte[4]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", TensorType.Q4_0, [16, 2], new byte[18]));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", (TensorType)23, [256], new byte[136]));
        Assert.Throws<ArgumentException>(() => writer.Set("", 1));
        Assert.Throws<ArgumentException>(() => writer.Set("general.alignment", 48u));
        Assert.Throws<ArgumentException>(() => writer.Set("general.alignment", 32));
        Assert.Throws<ArgumentException>(() => GgufValue.From(GgufValueType.Int32, [1, 2f]));
    }

    internal static byte[] Read(GgufFile file, string tensor)
    {
        var data = file.Data(file.GetTensor(tensor));
        return data.Span(0, (int)data.Length).ToArray();
    }

    private static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
