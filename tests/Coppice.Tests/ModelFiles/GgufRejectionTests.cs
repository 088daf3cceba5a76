using Coppice.Kernels.Formats;
using Coppice.ModelFiles;

namespace Coppice.Tests.ModelFiles;

public sealed class GgufRejectionTests
{
    private const ulong Huge = ulong.MaxValue;

    [Theory]
    [InlineData("", "header: expected a GGUF file that starts with 'GGUF', found an empty file")]
    [InlineData("GG", "header: expected a GGUF file that starts with 'GGUF', found 'GG'")]
    [InlineData("Once upon a time", "header: expected a GGUF file that starts with 'GGUF', found 'Once'")]
    [InlineData("\n\r\0\u001bxyz", "header: expected a GGUF file that starts with 'GGUF', found '\\u000a\\u000d\\u0000\\u001b'")]
    [InlineData("GGUF", "version: expected 4 bytes at offset 4, found the end of the file after 0")]
    public void What_is_no_GGUF_file_is_named_so(string content, string message) =>
        Assert.Equal(message, GgufBytes.Error(System.Text.Encoding.Latin1.GetBytes(content)));

    [Theory]
    [InlineData(0u, "version: expected GGUF version 2 or 3, found 0")]
    [InlineData(1u, "version: expected GGUF version 2 or 3, found 1")]
    [InlineData(4u, "version: expected GGUF version 2 or 3, found 4")]
    [InlineData(0x03000000u, "version: expected a little-endian GGUF file, found a big-endian one")]
    public void Other_versions_and_byte_orders_are_named(uint version, string message) =>
        Assert.Equal(message, GgufBytes.Header(version, 0, 0).Error());

    [Fact]
    public void Version_2_opens()
    {
        using var target = new TemporaryFile();
        File.WriteAllBytes(target.Path, GgufBytes.Header(2, 0, 1).Key("k", GgufValueType.UInt8).Raw([7]).ToArray());
        using GgufFile file = GgufFile.Open(target.Path);
        Assert.Equal(2, file.Version);
        Assert.Equal(7, file.Metadata.GetInt("k"));
        Assert.Empty(file.Tensors);
    }

    [Fact]
    public void Counts_beyond_the_file_are_refused_before_anything_is_read()
    {
        Assert.Equal($"tensor count: expected {Huge} entries of 32 bytes or more, found 0 bytes left", GgufBytes.Header(3, Huge, 0).Error());
        Assert.Equal($"metadata count: expected {Huge} entries of 13 bytes or more, found 0 bytes left", GgufBytes.Header(3, 0, Huge).Error());
        Assert.StartsWith("metadata count: ", GgufBytes.Header(3, 0, 1).Raw(new byte[12]).Error(), StringComparison.Ordinal);
    }

    [Fact]
    public void Metadata_that_passes_the_end_is_refused()
    {
        Assert.Equal(
            $"metadata key 0: expected 1 to 65535 bytes, found {Huge}",
            GgufBytes.Header(3, 0, 1).U64(Huge).Raw(new byte[32]).Error());
        Assert.Equal(
            $"key 'k': expected a string of {Huge} bytes, found 3 bytes left",
            GgufBytes.Header(3, 0, 1).Key("k", GgufValueType.String).U64(Huge).Raw("abc"u8).Error());
        Assert.Equal(
            $"key 'k': expected an array of {Huge} elements of type string, 8 bytes or more each, found 32 bytes left",
            GgufBytes.Header(3, 0, 1).Key("k", GgufValueType.Array).U32(8).U64(Huge).Raw(new byte[32]).Error());
        Assert.Equal(
            "key 'k': expected an array of 5 elements of type string, 8 bytes or more each, found 39 bytes left",
            GgufBytes.Header(3, 0, 1).Key("k", GgufValueType.Array).U32(8).U64(5).Raw(new byte[39]).Error());
        Assert.Equal(
            "key 'k': expected a uint64 of 8 bytes, found 7 bytes left",
            GgufBytes.Header(3, 0, 1).Key("k", GgufValueType.UInt64).Raw(new byte[7]).Error());
    }

    [Fact]
    public void Metadata_that_makes_no_sense_is_refused()
    {
        Assert.Equal("key 'k': expected a value type in 0..12, found 13", GgufBytes.Header(3, 0, 1).Key("k", (GgufValueType)13).U64(0).Error());
        Assert.Equal(
            "key 'k': expected an array's element type in 0..12, found 99",
            GgufBytes.Header(3, 0, 1).Key("k", GgufValueType.Array).U32(99).U64(0).Error());
        Assert.Equal("key 'k': expected a bool of 0 or 1, found 2", GgufBytes.Header(3, 0, 1).Key("k", GgufValueType.Bool).Raw([2]).Error());
        Assert.Equal(
            "key 'k': expected a bool of 0 or 1, found 255",
            GgufBytes.Header(3, 0, 1).Key("k", GgufValueType.Array).U32(7).U64(3).Raw([0, 1, 255]).Error());
        Assert.Equal(
            "key 'k': expected each key once, found it twice",
            GgufBytes.Header(3, 0, 2).Key("k", GgufValueType.UInt8).Raw([1]).Key("k", GgufValueType.Int8).Raw([1]).Error());
        Assert.Equal("metadata key 0: expected UTF-8 text, found bytes that are not", GgufBytes.Header(3, 0, 1).U64(1).Raw([0xff]).U32(0).Raw([1]).Error());
        Assert.Equal("metadata key 0: expected 1 to 65535 bytes, found 0", GgufBytes.Header(3, 0, 1).Key("", GgufValueType.UInt8).Raw([1]).Error());
        Assert.StartsWith(
            "key 'a\\u000ab': ",
            GgufBytes.Header(3, 0, 1).Key("a\nb", GgufValueType.Bool).Raw([2]).Error(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Arrays_nest_four_deep_and_no_deeper()
    {
        static GgufBytes Nested(int depth)
        {
            GgufBytes bytes = GgufBytes.Header(3, 0, 1).Key("k", GgufValueType.Array);
            for (int i = 1; i < depth; i++) bytes.U32((uint)GgufValueType.Array).U64(1);
            return bytes.U32(0).U64(1).Raw([9]);
        }

        using var target = new TemporaryFile();
        File.WriteAllBytes(target.Path, Nested(4).ToArray());
        using GgufFile file = GgufFile.Open(target.Path);
        Assert.Equal("[[[[9]]]]", file.Metadata["k"].ToString());
        Assert.Equal("key 'k': expected arrays nested at most 4 deep, found a deeper one", Nested(5).Error());
        Assert.Equal("key 'k': expected arrays nested at most 4 deep, found a deeper one", Nested(5000).Error());
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(48u)]
    [InlineData(uint.MaxValue)]
    public void An_alignment_that_is_no_power_of_two_is_refused(uint alignment) => Assert.Equal(
        $"key 'general.alignment': expected a power of two below 2^32, found {alignment}",
        GgufBytes.Header(3, 0, 1).Key("general.alignment", GgufValueType.UInt32).U32(alignment).Error());

    [Fact]
    public void An_alignment_that_is_no_integer_is_refused() => Assert.Equal(
        "key 'general.alignment': expected integer below 2^63, found string",
        GgufBytes.Header(3, 0, 1).Key("general.alignment", GgufValueType.String).Text("32").Error());

    [Theory]
    [InlineData(new ulong[] { }, "expected 1 to 4 dimensions, found 0")]
    [InlineData(new ulong[] { 1, 1, 1, 1, 1 }, "expected 1 to 4 dimensions, found 5")]
    [InlineData(new ulong[] { 4, 0 }, "expected dimension 1 of at least 1 and below 2^63, found 0")]
    [InlineData(new[] { Huge }, "expected dimension 0 of at least 1 and below 2^63, found 18446744073709551615")]
    [InlineData(new[] { 1ul << 62, 4ul }, "expected fewer than 2^63 elements, found [4611686018427387904, 4]")]
    [InlineData(new[] { 1ul << 62, 1ul << 62, 1ul << 62, 1ul << 62 }, "expected fewer than 2^63 elements, found [4611686018427387904, 4611686018427387904, 4611686018427387904, 4611686018427387904]")]
    [InlineData(new[] { 1ul << 62 }, "expected fewer than 2^63 bytes, found [4611686018427387904]")]
    [InlineData(new ulong[] { 17 }, "expected 68 bytes of data at offset 0, found 64 bytes of tensor data in the file")]
    public void Dimensions_that_do_not_hold_are_refused(ulong[] dimensions, string message) =>
        Assert.Equal($"tensor 't': {message}", GgufBytes.WithTensor(0, dimensions, 0, 64).Error());

    [Theory]
    [InlineData(16ul, "expected an offset that is a multiple of 32, found 16")]
    [InlineData(32ul, "expected 64 bytes of data at offset 32, found 64 bytes of tensor data in the file")]
    [InlineData(96ul, "expected 64 bytes of data at offset 96, found 64 bytes of tensor data in the file")]
    [InlineData(Huge - 31, "expected 64 bytes of data at offset 18446744073709551584, found 64 bytes of tensor data in the file")]
    public void Offsets_that_do_not_hold_are_refused(ulong offset, string message) =>
        Assert.Equal($"tensor 't': {message}", GgufBytes.WithTensor(0, [16], offset, 64).Error());

    [Fact]
    public void A_tensor_without_any_data_behind_the_directory_is_refused() => Assert.Equal(
        "tensor 't': expected 4 bytes of data at offset 0, found 0 bytes of tensor data in the file",
        GgufBytes.Header(3, 1, 0).Tensor("t", 0, [1], 0).Error());

    [Fact]
    public void A_row_that_is_no_multiple_of_its_block_is_refused() => Assert.Equal(
        "tensor 't': expected rows that are a multiple of Q8_0's block of 32, found rows of 16",
        GgufBytes.WithTensor((uint)TensorType.Q8_0, [16, 2], 0, 64).Error());

    [Fact]
    public void Tensors_of_one_name_or_one_place_are_refused()
    {
        Assert.Equal(
            "tensor 't': expected each tensor name once, found it twice",
            GgufBytes.Header(3, 2, 0).Tensor("t", 0, [8], 0).Tensor("t", 0, [8], 32).PadTo(32).Raw(new byte[64]).Error());
        Assert.Equal(
            "tensor 'v': expected data of its own, found data that overlaps tensor 'u'",
            GgufBytes.Header(3, 2, 0).Tensor("u", 0, [9], 0).Tensor("v", 0, [8], 32).PadTo(32).Raw(new byte[64]).Error());
    }

    [Fact]
    public void Unsupported_tensor_types_are_named_and_can_still_be_listed()
    {
        GgufBytes known = GgufBytes.WithTensor(23, [256, 2], 0, 272), unknown = GgufBytes.WithTensor(99, [3], 0, 0);
        Assert.Equal(
            "tensor 't': expected a type out of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, found IQ4_XS",
            known.Error());
        Assert.EndsWith("found type 99", unknown.Error(), StringComparison.Ordinal);
        using var target = new TemporaryFile();
        File.WriteAllBytes(target.Path, known.ToArray());
        using (GgufFile file = GgufFile.Open(target.Path, allowUnsupportedTypes: true))
        {
            GgufTensor tensor = file.GetTensor("t");
            Assert.Equal("t IQ4_XS [256, 2]", tensor.ToString());
            Assert.False(tensor.IsSupported);
            Assert.Equal(272, tensor.Bytes);
            Assert.Equal(272, file.Data(tensor).Length);
        }
        File.WriteAllBytes(target.Path, unknown.ToArray());
        using (GgufFile file = GgufFile.Open(target.Path, allowUnsupportedTypes: true))
        {
            Assert.Equal("type 99", file.Tensors[0].TypeName);
            Assert.Equal(0, file.Data(file.Tensors[0]).Length);
        }
    }

    [Fact]
    public void A_tensor_past_2_GiB_opens_and_is_read_at_its_end()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("needs files with holes, which cost no disk");
        const ulong Elements = 3ul << 28;
        const long Bytes = 3L << 30;
        using var target = new TemporaryFile();
        byte[] start = GgufBytes.WithTensor(0, [Elements], 0, 0).ToArray();
        using (FileStream stream = File.Create(target.Path))
        {
            stream.Write(start);
            stream.SetLength(start.Length + Bytes - 1);
        }
        var error = Assert.Throws<ModelFormatException>(() => GgufFile.Open(target.Path));
        Assert.EndsWith($"expected {Bytes} bytes of data at offset 0, found {Bytes - 1} bytes of tensor data in the file", error.Message, StringComparison.Ordinal);
        using (FileStream stream = File.OpenWrite(target.Path))
        {
            stream.Position = start.Length + Bytes - 1;
            stream.WriteByte(42);
        }
        using GgufFile file = GgufFile.Open(target.Path);
        Assert.Equal(Bytes, file.DataBytes);
        Assert.Equal([0, 42], file.Data(file.Tensors[0]).Span(Bytes - 2, 2).ToArray());
    }
}
