using System.Buffers.Binary;
using System.Text;

namespace Coppice.Graphs.Tests;

public sealed class SafetensorsTests
{
    [Fact]
    public void All_types_names_and_texts_come_back()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("t.safetensors");
        var tensors = new Dictionary<string, TensorData>
        {
            ["float"] = TensorData.Of<float>(new(2, 3), [1, 2, 3, -4, float.NaN, float.PositiveInfinity]),
            ["half"] = TensorData.Of<Half>(new(3), [(Half)1, (Half)2, (Half)(-3)]),
            ["double"] = TensorData.Of<double>(Shape.Scalar, [Math.PI]),
            ["long"] = TensorData.Integers(long.MinValue, 7),
            ["int"] = TensorData.Of<int>(new(1, 1), [int.MinValue]),
            ["byte"] = TensorData.Of<byte>(new(3), [0, 1, 255]),
            ["sbyte"] = TensorData.Of<sbyte>(new(1), [-5]),
            ["bool"] = TensorData.Of<bool>(new(2), [true, false]),
            ["none"] = TensorData.Of<float>(new(0, 4), []),
            ["имя \"quoted\""] = TensorData.Of<float>(new(1), [5]),
        };
        var texts = new Dictionary<string, string> { ["step"] = "12", ["recipe"] = "{\"a\":1}" };
        Safetensors.Write(path, tensors, texts);
        (IReadOnlyDictionary<string, TensorData> read, IReadOnlyDictionary<string, string> metadata) = Safetensors.Read(path);
        Assert.Equal(texts.OrderBy(t => t.Key), metadata.OrderBy(t => t.Key));
        Assert.Equal(tensors.Keys.Order(), read.Keys.Order());
        foreach ((string name, TensorData data) in tensors)
        {
            Assert.Equal((data.Type, data.Shape), (read[name].Type, read[name].Shape));
            Assert.Equal(data.Bytes.ToArray(), read[name].Bytes.ToArray());
        }

        // Elements start at a multiple of 8, so that others can map the file.
        Assert.Equal(0, BinaryPrimitives.ReadInt64LittleEndian(File.ReadAllBytes(path)) % 8);
    }

    [Theory]
    [InlineData("{", "header")]
    [InlineData("[]", "header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", "header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}""", "'a'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", "'a'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", "'a'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4000000000],"data_offsets":[0,8]}}""", "header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2000000000,2000000000,2000000000],"data_offsets":[0,8]}}""", "header")]
    [InlineData("""{"a":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}}""", "'F8'")]
    [InlineData("""{"a":{"dtype":7,"shape":[8],"data_offsets":[0,8]}}""", "header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "'b'")]
    [InlineData("""{"__metadata__":{"k":5}}""", "header")]
    [InlineData("""{"__metadata__":7}""", "header")]
    public void A_header_that_is_wrong_is_refused_with_the_file_and_the_tensor(string header, string expected)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("t.safetensors");
        File.WriteAllBytes(path, Whole(header, 8));
        string message = Assert.Throws<GraphException>(() => Safetensors.Read(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_was_cut_off_or_flipped_anywhere_gives_tensors_or_one_error()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("t.safetensors");
        Safetensors.Write(path, new Dictionary<string, TensorData> { ["a"] = TensorData.Integers(1, 2), ["b"] = TensorData.Of<float>(new(1), [3]) });
        byte[] whole = File.ReadAllBytes(path);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Contains(path, Assert.Throws<GraphException>(() => Safetensors.Read(path)).Message, StringComparison.Ordinal);
        }

        int refused = 0;
        for (int bit = 0; bit < 8 * whole.Length; bit++)
        {
            byte[] damaged = [.. whole];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(path, damaged);
            try
            {
                Safetensors.Read(path);
            }
            catch (GraphException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 64, (8 * whole.Length) - 64);
    }

    [Fact]
    public void What_fails_while_it_is_written_leaves_the_old_file_and_nothing_beside_it()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("t.safetensors");
        Safetensors.Write(path, new Dictionary<string, TensorData> { ["old"] = TensorData.Integers(1) });
        byte[] old = File.ReadAllBytes(path);
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[100_000]);
            throw new InvalidOperationException();
        }));
        Assert.Equal(old, File.ReadAllBytes(path));
        Assert.Equal(["t.safetensors"], folder.Names());
        Assert.ThrowsAny<IOException>(() => Safetensors.Write(folder.File("no/such/folder"), new Dictionary<string, TensorData>()));
    }

    private static byte[] Whole(string header, int bodyBytes)
    {
        byte[] text = Encoding.UTF8.GetBytes(header), file = new byte[8 + text.Length + bodyBytes];
        BinaryPrimitives.WriteInt64LittleEndian(file, text.Length);
        text.CopyTo(file, 8);
        return file;
    }
}
