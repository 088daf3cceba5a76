using System.Text;
using System.Text.Json;
using Coppice.Tests.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Tests.Tokenizing;

public sealed class RealVocabularyTests(RealVocabularies vocabularies) : IClassFixture<RealVocabularies>
{
    [Fact]
    public void Every_gguf_vocabulary_gives_the_ids_of_llama_cpp()
    {
        string[] files = [.. SharedData.Files("tokenizers", "ggml-vocab-*.gguf").Where(path => File.Exists(path + ".inp"))];
        Assert.True(files.Length >= 5, $"only {files.Length} vocabularies");
        Assert.Empty(files.SelectMany(path => GoldenTexts.Mismatches(RealVocabularies.Open(path), path)));
    }

    [Fact]
    public void Llama_3_gives_the_ids_of_llama_cpp()
    {
        string texts = SharedData.File("tokenizers/ggml-vocab-llama-bpe.gguf.inp")[..^".inp".Length];
        Assert.Empty(GoldenTexts.Mismatches(vocabularies.Llama3(), texts));
    }

    [Fact]
    public void Qwen_2_gives_the_ids_of_llama_cpp()
    {
        string texts = SharedData.File("tokenizers/ggml-vocab-qwen2.gguf.inp")[..^".inp".Length];
        Assert.Empty(GoldenTexts.Mismatches(vocabularies.Qwen2(), texts));
    }

    [Theory]
    [InlineData("f32")]
    [InlineData("Q8_0")]
    public void Stories_prompts_give_their_recorded_ids(string format)
    {
        Tokenizer tokenizer = vocabularies.Stories();
        int prompts = 0;
        foreach (string line in File.ReadLines(SharedData.File($"stories260K/stories260K-{format}.greedy64.jsonl")))
        {
            using JsonDocument row = JsonDocument.Parse(line);
            int[] expected = [.. row.RootElement.GetProperty("prompt_tokens").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(expected, tokenizer.Encode(row.RootElement.GetProperty("prompt").GetString()!));
            prompts++;
        }
        Assert.Equal(40, prompts);
    }

    [Theory]
    [InlineData("gpt-2", 0x110000)]
    [InlineData("starcoder", 0x40000)] // It has no token for the byte 0xF1.
    [InlineData("deepseek-coder", 0x110000)]
    [InlineData("llama-spm", 0x110000)]
    [InlineData("phi-3", 0x110000)]
    public void Decoding_undoes_encoding(string name, int codePoints)
    {
        Tokenizer tokenizer = vocabularies.Gguf(name);
        Random random = new(20240611);
        for (int round = 0; round < 300; round++)
        {
            string text = RandomText.Unicode(random, random.Next(40), codePoints);
            int[] ids = tokenizer.Encode(text, parseSpecial: false);
            Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
            Assert.Equal(text, tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void Decoding_undoes_encoding_of_a_book_in_seconds()
    {
        string book = File.ReadAllText(SharedData.File("prompts/book.txt"), Encoding.UTF8);
        string text = string.Concat(Enumerable.Repeat(book, 4));
        foreach (string name in (string[])["gpt-2", "llama-spm"])
        {
            Tokenizer tokenizer = vocabularies.Gguf(name);
            int[] ids = tokenizer.Encode(text);
            Assert.InRange(ids.Length, text.Length / 8, text.Length / 2);
            Assert.Equal(text, tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void One_endless_word_takes_no_quadratic_time()
    {
        string word = new('a', 1 << 17);
        foreach (string name in (string[])["gpt-2", "llama-spm", "deepseek-coder"])
        {
            Tokenizer tokenizer = vocabularies.Gguf(name);
            Assert.Equal(word, tokenizer.Decode(tokenizer.Encode(word)));
        }
    }

    [Fact]
    public void Lone_surrogates_count_as_the_replacement_character()
    {
        foreach (string name in (string[])["gpt-2", "llama-spm"])
        {
            Tokenizer tokenizer = vocabularies.Gguf(name);
            foreach (string text in (string[])["\uD83D", "a\uDE00b", "\uDE00\uD83D", "x\uD83D"])
            {
                string replaced = text.Replace('\uD83D', '\uFFFD').Replace('\uDE00', '\uFFFD');
                Assert.Equal(tokenizer.Encode(replaced), tokenizer.Encode(text));
            }
        }
    }

    [Fact]
    public void Llama_3_parses_control_tokens_only_when_asked()
    {
        Tokenizer tokenizer = vocabularies.Llama3();
        const string text = "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>";
        Assert.Equal([128000, 128006, 882, 128007, 271, 13347, 128009], tokenizer.Encode(text));
        int[] plain = tokenizer.Encode(text, addSpecial: false, parseSpecial: false);
        Assert.All(plain, id => Assert.InRange(id, 0, 127999));
        Assert.Equal(text, tokenizer.Decode(plain));
        Assert.Equal("user\n\nHi", tokenizer.Decode(tokenizer.Encode(text)));
        Assert.Equal("<|begin_of_text|>" + text, tokenizer.Decode(tokenizer.Encode(text), special: true));
    }

    [Fact]
    public void End_tokens_are_found_by_name()
    {
        Assert.Equal([128001, 128008, 128009], vocabularies.Llama3().EndOfGenerationIds.Order());
        // Qwen's plain vocabulary happens to hold </s>.
        Assert.Equal([128247, 151643, 151645], vocabularies.Qwen2().EndOfGenerationIds.Order());
        Assert.Equal([2], vocabularies.Stories().EndOfGenerationIds.Order());
        Assert.Equal([2, 32000, 32007], vocabularies.Gguf("phi-3").EndOfGenerationIds.Order());
        Assert.True(vocabularies.Qwen2().IsEndOfGeneration(151645));
        Assert.False(vocabularies.Qwen2().IsEndOfGeneration(0));
    }

    [Fact]
    public void Tokens_show_their_bytes_and_their_spelling()
    {
        Tokenizer gpt2 = vocabularies.Gguf("gpt-2");
        int the = Assert.Single(gpt2.Encode(" the", addSpecial: false));
        Assert.Equal("\u0120the", gpt2.TokenText(the));
        Assert.Equal(" the"u8, gpt2.TokenBytes(the));
        Assert.Equal(the, gpt2.IdOf("\u0120the"));

        Tokenizer spm = vocabularies.Gguf("llama-spm");
        Assert.Equal("<s>", spm.TokenText(spm.BosId));
        Assert.True(spm.TokenBytes(spm.BosId).IsEmpty);
        Assert.Equal("<s>"u8, spm.TokenBytes(spm.BosId, special: true));
        Assert.Equal("\n"u8, spm.TokenBytes(spm.IdOf("<0x0A>")));
        Assert.Equal(-1, spm.IdOf("no such token"));
        Assert.Throws<ArgumentOutOfRangeException>(() => spm.TokenText(spm.VocabularySize));
        Assert.Throws<ArgumentOutOfRangeException>(() => spm.TokenText(-1));
    }

    [Fact]
    public void Special_tokens_are_added_as_the_file_says()
    {
        Assert.Equal(vocabularies.Gguf("llama-spm").BosId, vocabularies.Gguf("llama-spm").Encode("a")[0]);
        Assert.Equal([1], vocabularies.Gguf("llama-spm").Encode(""));
        Assert.Empty(vocabularies.Gguf("llama-spm").Encode("", addSpecial: false));
        Assert.Equal(vocabularies.Gguf("gpt-2").Encode("a", addSpecial: false), vocabularies.Gguf("gpt-2").Encode("a"));
    }
}
