using Coppice.Model;
using Coppice.ModelFiles;
using Coppice.Tests.ModelFiles;

namespace Coppice.Tests.Model;

public sealed class RandomModelVocabularyTests
{
    [Theory]
    [InlineData(300)]
    [InlineData(512)]
    [InlineData(32_000)]
    [InlineData(262_144)]
    public void Tokens_are_distinct_and_each_word_joins_two_earlier_pieces(int count)
    {
        string[] tokens = TokensOf(count);
        Assert.Equal(count, tokens.Length);
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < count; id++) Assert.True(ids.TryAdd(tokens[id], id), tokens[id]);
        for (int id = 259; id < count; id++)
        {
            string text = tokens[id];
            if (text.Length == 1) continue;
            Assert.True(Enumerable.Range(1, text.Length - 1).Any(cut =>
                ids.TryGetValue(text[..cut], out int left) && ids.TryGetValue(text[cut..], out int right) && left < id && right < id), text);
        }
    }

    [Fact]
    public void Fewer_tokens_than_bytes_and_letters_are_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => RandomModelVocabulary.SetOn(new GgufWriter(), RandomModelVocabulary.MinTokens - 1));

    private static string[] TokensOf(int count)
    {
        var writer = new GgufWriter();
        RandomModelVocabulary.SetOn(writer, count);
        using var file = new TemporaryFile();
        writer.Write(file.Path);
        using GgufFile model = GgufFile.Open(file.Path);
        return [.. model.Metadata.Strings("tokenizer.ggml.tokens")];
    }
}
