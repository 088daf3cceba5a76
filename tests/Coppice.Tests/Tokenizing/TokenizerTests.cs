using System.Text;
using Coppice.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Tests.Tokenizing;

public sealed class TokenizerTests
{
    [Fact]
    public void Pairs_join_in_the_order_of_the_merges_leftmost_first()
    {
        Tokenizer tokenizer = new(SmallVocabularies.ByteLevel(["b c", "a b", "a a", "aa a"]));
        Assert.Equal(["a", "bc"], Spellings(tokenizer, "abc"));
        Assert.Equal(["aaa"], Spellings(tokenizer, "aaa"));
        Assert.Equal(["aa", "aa"], Spellings(tokenizer, "aaaa"));
        Assert.Equal(["aa", "aaa"], Spellings(tokenizer, "aaaaa"));
    }

    [Fact]
    public void A_join_that_is_no_token_leads_on_or_falls_back_to_bytes()
    {
        VocabularyData data = SmallVocabularies.ByteLevel(["a b", "ab c"]);
        ReadOnlyMemory<byte>[] tokens = [.. data.Tokens];
        tokens[256] = Encoding.UTF8.GetBytes("<free>");
        Tokenizer tokenizer = new(data with { Tokens = tokens });
        Assert.Equal(["abc"], Spellings(tokenizer, "abc"));
        Assert.Equal(["a", "b", "d"], Spellings(tokenizer, "abd"));
    }

    [Fact]
    public void A_word_that_is_a_token_stays_whole_only_where_merges_are_ignored()
    {
        VocabularyData data = SmallVocabularies.ByteLevel(["h e", "hel lo"]);
        Assert.Equal(["he", "l", "l", "o"], Spellings(new Tokenizer(data), "hello"));
        Assert.Equal(["hello"], Spellings(new Tokenizer(data with { IgnoreMerges = true }), "hello"));
        Assert.Equal(["hello"], Spellings(new Tokenizer(data with { PreTokenizer = "llama3" }), "hello"));
    }

    [Fact]
    public void Pieces_join_by_score_and_unknown_characters_become_bytes()
    {
        Tokenizer tokenizer = new(SmallVocabularies.SentencePiece());
        Assert.Equal(["<s>", "▁hello"], tokenizer.Encode("hello").Select(tokenizer.TokenText));
        Assert.Equal(["▁", "he", "l"], Spellings(tokenizer, "hel"));
        Assert.Equal(["▁", "<0xC3>", "<0xA9>"], Spellings(tokenizer, "é"));
    }

    [Fact]
    public void A_space_goes_before_each_text_after_a_special_token()
    {
        Tokenizer tokenizer = new(SmallVocabularies.SentencePiece());
        Assert.Equal(["▁", "h", "</s>", "▁", "h"], Spellings(tokenizer, "h</s>h"));
        Assert.Equal(["h", "</s>", "h"], Spellings(new Tokenizer(SmallVocabularies.SentencePiece() with { AddSpacePrefix = false }), "h</s>h"));
    }

    [Fact]
    public void The_longest_special_token_wins_over_the_leftmost()
    {
        Tokenizer tokenizer = new(SmallVocabularies.ByteLevel(userDefined: ["ab", "bcd", "  "], control: ["<x>", "<x><y>"]));
        Assert.Equal(["a", "bcd"], Spellings(tokenizer, "abcd"));
        Assert.Equal(["ab", "c"], Spellings(tokenizer, "abc"));
        Assert.Equal(["<x><y>", "<x>", "<"], Spellings(tokenizer, "<x><y><x><"));
        Assert.Equal(["Ġ", "a"], Spellings(tokenizer, " a"));
        Assert.Equal(["  ", "  ", "Ġ"], Spellings(tokenizer, "     "));
    }

    [Fact]
    public void User_defined_tokens_are_found_even_when_control_tokens_are_not_parsed()
    {
        Tokenizer tokenizer = new(SmallVocabularies.ByteLevel(userDefined: ["<u>"], control: ["<c>"]));
        int[] ids = tokenizer.Encode("<u><c>", parseSpecial: false);
        Assert.Equal(["<u>", "<", "c", ">"], ids.Select(tokenizer.TokenText));
        Assert.Equal("<u><c>", tokenizer.Decode(ids));
    }

    [Fact]
    public void Phi_3_specials_swallow_the_white_space_after_them()
    {
        VocabularyData data = SmallVocabularies.ByteLevel(control: ["<|user|>", "<|endoftext|>"]) with { ModelName = "Phi-3 mini" };
        Assert.Equal(["<|user|>", "a"], Spellings(new Tokenizer(data), "<|user|> \n\ta"));
        Assert.Equal(["<|endoftext|>", "Ġ", "a"], Spellings(new Tokenizer(data), "<|endoftext|> a"));
        Assert.Equal(["<|user|>", "Ġ", "a"], Spellings(new Tokenizer(data with { ModelName = "other" }), "<|user|> a"));
    }

    [Fact]
    public void Begin_and_end_are_added_as_the_flags_say()
    {
        VocabularyData data = SmallVocabularies.ByteLevel(control: ["<b>", "<e>"]) with { BosId = 256, EosId = 257, AddEos = true };
        Assert.Equal([97, 257], new Tokenizer(data).Encode("a"));
        Assert.Equal([256, 97, 257], new Tokenizer(data with { AddBos = true }).Encode("a"));
        Assert.Equal([97], new Tokenizer(data with { AddBos = true }).Encode("a", addSpecial: false));
        Assert.Equal([256, 97, 257], new Tokenizer(data with { PreTokenizer = "llama-bpe" }).Encode("a"));
        Assert.Equal([97], new Tokenizer(data with { AddBos = true, BosId = null, AddEos = false }).Encode("a"));
    }

    [Fact]
    public void A_token_between_messages_does_not_end_a_generation()
    {
        string[] harmony = ["<|start|>", "<|end|>", "<|return|>", "<|call|>"];
        Tokenizer tokenizer = new(SmallVocabularies.ByteLevel(control: harmony));
        Assert.Equal([258, 259], tokenizer.EndOfGenerationIds.Order());
        Assert.Equal("<|start|><|end|>", tokenizer.Decode([256, 257, 258]));
        Assert.Equal([257], new Tokenizer(SmallVocabularies.ByteLevel(control: harmony[..2])).EndOfGenerationIds);
    }

    [Fact]
    public void Named_end_tokens_count_even_when_the_file_calls_them_text()
    {
        VocabularyData data = SmallVocabularies.ByteLevel(userDefined: ["<|im_end|>", "<|file_sep|>", "<|fim_prefix|>"]) with { EotId = 65, MoreEndIds = [66] };
        Tokenizer tokenizer = new(data);
        Assert.Equal([65, 66, 256, 257], tokenizer.EndOfGenerationIds.Order());
        Assert.Equal("", tokenizer.Decode([256, 257, 258]));
        Assert.Equal(TokenKind.Control, tokenizer.Kind(258));
    }

    [Theory]
    [InlineData("none", "the file has no tokenizer")]
    [InlineData("no_vocab", "the file has no tokenizer")]
    [InlineData("bert", "(WordPiece), which is unsupported")]
    [InlineData("t5", "(unigram), which is unsupported")]
    [InlineData("rwkv", "which is unsupported")]
    public void Other_families_are_refused(string model, string reason)
    {
        ModelFormatException error = Assert.Throws<ModelFormatException>(() => new Tokenizer(SmallVocabularies.ByteLevel() with { Model = model, File = "m.gguf" }));
        Assert.StartsWith("m.gguf: key 'tokenizer.ggml.model': expected 'llama'", error.Message, StringComparison.Ordinal);
        Assert.EndsWith(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Malformed_vocabularies_are_refused()
    {
        VocabularyData bpe = SmallVocabularies.ByteLevel();
        Assert.Throws<ModelFormatException>(() => new Tokenizer(bpe with { Tokens = [] }));
        Assert.Throws<ModelFormatException>(() => new Tokenizer(bpe with { Kinds = [TokenKind.Normal] }));
        Assert.Throws<ModelFormatException>(() => new Tokenizer(bpe with { Scores = [1, 2] }));
        Assert.Throws<ModelFormatException>(() => new Tokenizer(bpe with { PreTokenizer = "unheard-of" }));
        ModelFormatException error = Assert.Throws<ModelFormatException>(() => new Tokenizer(bpe with { Merges = SmallVocabularies.Utf8(["a b", "ab"]) }));
        Assert.Contains("[1]", error.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Joining_agrees_with_a_search_for_the_best_pair_at_each_turn()
    {
        string[] merges = ["a b", "b a", "ab a", "b b", "ba b", "aba b", "bb a", "a a", "ab ab"];
        Tokenizer tokenizer = new(SmallVocabularies.ByteLevel(merges));
        Random random = new(5);
        for (int round = 0; round < 500; round++)
        {
            string word = string.Concat(Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(2) == 0 ? 'a' : 'b'));
            Assert.Equal(Naive(word, merges), Spellings(tokenizer, word));
        }
    }

    private static List<string> Naive(string word, string[] merges)
    {
        List<string> parts = [.. word.Select(character => character.ToString())];
        while (parts.Count > 1)
        {
            int best = Enumerable.Range(0, parts.Count - 1).MinBy(Rank);
            if (Rank(best) == int.MaxValue) break;
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
        return parts;

        int Rank(int left)
        {
            int rank = Array.IndexOf(merges, parts[left] + ' ' + parts[left + 1]);
            return rank < 0 ? int.MaxValue : rank;
        }
    }

    private static string[] Spellings(Tokenizer tokenizer, string text) =>
        [.. tokenizer.Encode(text, addSpecial: false).Select(tokenizer.TokenText)];
}
