using Coppice.Kernels.Formats;
using Coppice.ModelFiles;

namespace Coppice.Tests.ModelFiles;

public sealed class GgufMetadataTests : IDisposable
{
    private readonly TemporaryFile _target = new();
    private readonly GgufFile _file;

    public GgufMetadataTests()
    {
        new GgufWriter()
            .Set("text", "abc").Set("count", 3u).Set("wide", ulong.MaxValue).Set("real", 0.5f).Set("flag", true)
            .Set("texts", ["a", "b"]).Set("numbers", new long[] { 1, 1L << 31 })
            .AddTensor("t", TensorType.F32, [1], new byte[4])
            .Write(_target.Path);
        _file = GgufFile.Open(_target.Path);
    }

    private GgufMetadata Metadata => _file.Metadata;

    public void Dispose()
    {
        _file.Dispose();
        _target.Dispose();
    }

    [Fact]
    public void A_missing_key_gives_the_fallback_false_or_an_error_that_names_it()
    {
        Assert.Equal("x", Metadata.GetString("no", "x"));
        Assert.Equal(4, Metadata.GetInt("no", 4));
        Assert.Equal(5, Metadata.GetLong("no", 5));
        Assert.Equal(0.25f, Metadata.GetFloat("no", 0.25f));
        Assert.True(Metadata.GetBool("no", true));
        Assert.Equal([1], Metadata.Ints("no", [1]));
        Assert.Equal([2f], Metadata.Floats("no", [2f]));
        Assert.Equal(["x"], Metadata.Strings("no", ["x"]));
        Assert.Null(Metadata.Strings("no", null));
        Assert.False(Metadata.TryGetString("no", out _));
        Assert.False(Metadata.TryGetInt("no", out _));
        Assert.False(Metadata.TryGetLong("no", out _));
        Assert.False(Metadata.TryGetFloat("no", out _));
        Assert.False(Metadata.TryGetBool("no", out _));
        Assert.False(Metadata.Contains("no"));
        AssertError("key 'no': expected string, found no such key", () => Metadata.GetString("no"));
        AssertError("key 'no': expected integer, found no such key", () => Metadata.GetInt("no"));
        AssertError("key 'no': expected integer, found no such key", () => Metadata.GetLong("no"));
        AssertError("key 'no': expected float, found no such key", () => Metadata.GetFloat("no"));
        AssertError("key 'no': expected bool, found no such key", () => Metadata.GetBool("no"));
        AssertError("key 'no': expected array of string, found no such key", () => Metadata.Strings("no"));
        AssertError("key 'no': expected array of float, found no such key", () => Metadata.Floats("no"));
        AssertError("key 'no': expected array of integer, found no such key", () => Metadata.Ints("no"));
        AssertError("key 'no': expected a value, found no such key", () => Metadata.ByteStrings("no"));
    }

    [Fact]
    public void A_value_of_another_type_is_an_error_even_where_a_fallback_is_given()
    {
        AssertError("key 'count': expected string, found uint32 3", () => Metadata.GetString("count", "x"));
        AssertError("key 'text': expected integer below 2^31, found string", () => Metadata.GetInt("text", 1));
        AssertError("key 'wide': expected integer below 2^31, found uint64 18446744073709551615", () => Metadata.GetInt("wide"));
        AssertError("key 'wide': expected integer below 2^63, found uint64 18446744073709551615", () => Metadata.GetLong("wide"));
        AssertError("key 'count': expected float, found uint32 3", () => Metadata.GetFloat("count", 1));
        AssertError("key 'real': expected bool, found float32 0.5", () => Metadata.GetBool("real"));
        AssertError("key 'flag': expected integer below 2^63, found bool true", () => Metadata.TryGetLong("flag", out _));
        AssertError("key 'texts': expected string, found array of string", () => Metadata.GetString("texts"));
        AssertError("key 'numbers': expected array of string, found array of int64", () => Metadata.Strings("numbers"));
        AssertError("key 'numbers': expected array of string, found array of int64", () => Metadata.ByteStrings("numbers"));
        AssertError("key 'numbers': expected array of float, found array of int64", () => Metadata.Floats("numbers"));
        AssertError("key 'numbers': expected array of integers below 2^31, found 2147483648 at index 1", () => Metadata.Ints("numbers"));
        AssertError("key 'texts': expected array of integer, found array of string", () => Metadata.Ints("texts"));
        AssertError("key 'count': expected array of bool, found uint32 3", () => Metadata.Bools("count"));
    }

    [Fact]
    public void Values_show_themselves()
    {
        Assert.Equal("0.5", Metadata["real"].ToString());
        Assert.Equal("true", Metadata["flag"].ToString());
        Assert.Equal("[a, b]", Metadata["texts"].ToString());
        Assert.Equal("[0, 1, 2, 3, ... 9 in all]", ((GgufValue)Enumerable.Range(0, 9).ToArray()).ToString());
        Assert.Equal("1.5E+300", ((GgufValue)1.5e300).ToString());
    }

    [Fact]
    public void Metadata_outlives_the_file_and_data_does_not()
    {
        GgufTensor tensor = _file.GetTensor("t");
        _file.Dispose();
        Assert.Equal("abc", Metadata.GetString("text"));
        Assert.Equal(["a", "b"], Metadata.Strings("texts"));
        Assert.Throws<ObjectDisposedException>(() => _file.Data(tensor));
    }

    [Fact]
    public void A_tensor_that_is_missing_or_foreign_is_an_error()
    {
        AssertError("tensor 'none': expected a tensor, found no such tensor", () => _file.GetTensor("none"));
        Assert.False(_file.TryGetTensor("none", out _));
        using GgufFile other = GgufFile.Open(_target.Path);
        Assert.Throws<ArgumentException>(() => _file.Data(other.GetTensor("t")));
    }

    private void AssertError(string message, Func<object?> action)
    {
        var error = Assert.Throws<ModelFormatException>(action);
        Assert.Equal($"{_target.Path}: {message}", error.Message);
    }
}
