using Coppice.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Tests.Tokenizing;

public sealed class VocabularyDataTests
{
    [Fact]
    public void Keys_of_a_gguf_file_become_the_record()
    {
        VocabularyData data = VocabularyData.FromGguf(
            Metadata(
                ("general.name", "Tiny"),
                ("tokenizer.ggml.pre", "qwen2"),
                ("tokenizer.ggml.token_type", new[] { 1, 1, 3, 4 }),
                ("tokenizer.ggml.merges", GgufValue.From(["a b"])),
                ("tokenizer.ggml.eos_token_id", 2u),
                ("tokenizer.ggml.fim_pad_token_id", 3u),
                ("tokenizer.ggml.add_bos_token", false)),
            "tiny.gguf");
        Assert.Equal("Tiny", data.ModelName);
        Assert.Equal("qwen2", data.PreTokenizer);
        Assert.Equal(4, data.Tokens.Count);
        Assert.Empty(data.Scores);
        Assert.Equal([TokenKind.Normal, TokenKind.Normal, TokenKind.Control, TokenKind.UserDefined], data.Kinds);
        Assert.Equal("a b"u8, data.Merges[0].Span);
        Assert.Equal(2, data.EosId);
        Assert.Null(data.BosId);
        Assert.Equal([3], data.MoreEndIds);
        Assert.False(data.AddBos);
        Assert.Null(data.AddEos);
    }

    [Fact]
    public void Ids_outside_the_vocabulary_count_as_missing()
    {
        VocabularyData data = VocabularyData.FromGguf(
            Metadata(("tokenizer.ggml.padding_token_id", uint.MaxValue), ("tokenizer.ggml.bos_token_id", 4u), ("tokenizer.ggml.eos_token_id", -1)),
            "tiny.gguf");
        Assert.Null(data.PaddingId);
        Assert.Null(data.BosId);
        Assert.Null(data.EosId);
    }

    [Fact]
    public void A_file_without_a_tokenizer_is_refused()
    {
        Assert.Contains("tokenizer.ggml.model", Assert.Throws<ModelFormatException>(() => VocabularyData.FromGguf(new GgufMetadata("m.gguf"), "m.gguf")).Message, StringComparison.Ordinal);
        GgufMetadata none = new("m.gguf");
        none.TryAdd("tokenizer.ggml.model", "no_vocab");
        Assert.EndsWith("the file has no tokenizer", Assert.Throws<ModelFormatException>(() => VocabularyData.FromGguf(none, "m.gguf")).Message, StringComparison.Ordinal);
    }

    private static GgufMetadata Metadata(params (string Key, GgufValue Value)[] more)
    {
        GgufMetadata metadata = new("tiny.gguf");
        metadata.TryAdd("tokenizer.ggml.model", "gpt2");
        metadata.TryAdd("tokenizer.ggml.tokens", GgufValue.From(["a", "b", "<e>", "<u>"]));
        foreach ((string key, GgufValue value) in more) metadata.TryAdd(key, value);
        return metadata;
    }
}
