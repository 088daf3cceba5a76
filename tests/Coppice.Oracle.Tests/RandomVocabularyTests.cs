using Coppice.Kernels.Formats;
using Coppice.LlamaCpp;
using Coppice.Model;
using Coppice.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Oracle.Tests;

public sealed class RandomVocabularyTests
{
    [Theory]
    [InlineData(300)]
    [InlineData(512)]
    [InlineData(40_000)]
    public void Both_engines_cut_the_same_text_into_the_same_made_up_tokens(int tokens)
    {
        TestInputs.RequireLlamaCpp();
        using TemporaryModel model = RandomModel.WriteTemporary(ModelShapes.Find("tiny")! with { Vocabulary = tokens }, TensorType.Q8_0);
        using GgufFile file = GgufFile.Open(model.Path);
        Tokenizer tokenizer = Tokenizer.FromGguf(file);
        using LlamaCppModel other = LlamaCppModel.Load(model.Path, new LlamaCppModelOptions { VocabularyOnly = true });
        foreach (string text in new[] { "tuna and banana", "  The kita pole!\n\tpetunako 12\u00fc\u4e16", "", "banana</s>tu" })
            Assert.Equal(other.Tokenize(text), tokenizer.Encode(text));
    }
}
