using System.Text;
using Coppice.Tokenizing;

namespace Coppice.Tests.Tokenizing;

public sealed class DetokenizerTests
{
    private static readonly Tokenizer Bytes = new(SmallVocabularies.ByteLevel());

    [Fact]
    public void Every_split_of_a_text_gives_the_text_and_never_half_a_character()
    {
        const string text = "aé€😀\U0010FFFFz";
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        for (int count = 0; count <= utf8.Length; count++)
        {
            Detokenizer detokenizer = new(Bytes);
            StringBuilder soFar = new();
            for (int i = 0; i < count; i++)
            {
                string delta = detokenizer.Append(utf8[i]);
                Assert.DoesNotContain('\uFFFD', delta);
                Assert.False(delta.Length > 0 && char.IsHighSurrogate(delta[^1]));
                soFar.Append(delta);
                Assert.StartsWith(soFar.ToString(), text, StringComparison.Ordinal);
            }
            string whole = Encoding.UTF8.GetString(utf8.AsSpan(0, count));
            bool waits = detokenizer.IsWaiting;
            string rest = detokenizer.Flush();
            Assert.Equal(waits ? "\uFFFD" : "", rest);
            Assert.Equal(whole, soFar + rest);
            Assert.False(detokenizer.IsWaiting);
            Assert.Equal("", detokenizer.Flush());
        }
    }

    [Fact]
    public void Any_bytes_give_what_decoding_them_at_once_gives()
    {
        Random random = new(7);
        for (int round = 0; round < 2000; round++)
        {
            byte[] bytes = new byte[random.Next(12)];
            random.NextBytes(bytes);
            for (int i = 0; i < bytes.Length; i++)
            {
                // Lead bytes are rare among all bytes; favour what makes sequences.
                if (random.Next(2) == 0) bytes[i] = (byte)(random.Next(2) == 0 ? random.Next(0xC0, 0x100) : random.Next(0x80, 0xC0));
            }
            Detokenizer detokenizer = new(Bytes);
            string text = string.Concat(bytes.Select(value => detokenizer.Append(value))) + detokenizer.Flush();
            Assert.Equal(Encoding.UTF8.GetString(bytes), text);
        }
    }

    [Fact]
    public void A_byte_that_cannot_become_a_character_shows_at_once()
    {
        Detokenizer detokenizer = new(Bytes);
        Assert.Equal("\uFFFD", detokenizer.Append(0xFF));
        Assert.Equal("\uFFFD", detokenizer.Append(0x80));
        Assert.Equal("", detokenizer.Append(0xE2));
        Assert.Equal("\uFFFDa", detokenizer.Append('a'));
        Assert.Equal("", detokenizer.Append(0xE0));
        Assert.Equal("\uFFFD\uFFFD", detokenizer.Append(0x80));
    }

    [Fact]
    public void A_token_may_end_one_character_and_begin_another()
    {
        // "é" is C3 A9; one token holds the end of one and the begin of the next.
        Tokenizer tokenizer = new(SmallVocabularies.ByteLevel(merges: ["© Ã"]));
        int both = tokenizer.IdOf("©Ã");
        Detokenizer detokenizer = new(tokenizer);
        Assert.Equal("", detokenizer.Append(0xC3));
        Assert.Equal("é", detokenizer.Append(both));
        Assert.Equal("é", detokenizer.Append(both));
        Assert.Equal("\uFFFD", detokenizer.Flush());
    }

    [Fact]
    public void A_long_token_comes_out_whole()
    {
        string spelling = new('x', 5000);
        Tokenizer tokenizer = new(SmallVocabularies.ByteLevel(userDefined: [spelling]));
        Detokenizer detokenizer = new(tokenizer);
        Assert.Equal("", detokenizer.Append(0xC3));
        Assert.Equal("\uFFFD" + spelling, detokenizer.Append(256));
    }

    [Fact]
    public void The_space_before_a_text_is_dropped_at_its_start_only()
    {
        Tokenizer tokenizer = new(SmallVocabularies.SentencePiece());
        int hello = tokenizer.IdOf("▁hello");
        Detokenizer atStart = new(tokenizer, atTextStart: true);
        Assert.Equal("", atStart.Append(tokenizer.BosId));
        Assert.Equal("hello", atStart.Append(hello));
        Assert.Equal(" hello", atStart.Append(hello));
        Detokenizer continued = new(tokenizer, atTextStart: false);
        Assert.Equal(" hello", continued.Append(hello));
    }

    [Fact]
    public void No_space_is_dropped_where_none_is_put()
    {
        Tokenizer tokenizer = new(SmallVocabularies.SentencePiece() with { AddSpacePrefix = false });
        Assert.Equal(" hello", new Detokenizer(tokenizer, atTextStart: true).Append(tokenizer.IdOf("▁hello")));
        Assert.Equal(" ", new Detokenizer(Bytes, atTextStart: true).Append(' '));
    }

    [Fact]
    public void Control_tokens_are_silent_unless_asked_for()
    {
        Tokenizer tokenizer = new(SmallVocabularies.SentencePiece());
        Assert.Equal("", new Detokenizer(tokenizer).Append(tokenizer.EosId));
        Assert.Equal("</s>", new Detokenizer(tokenizer, special: true).Append(tokenizer.EosId));
    }
}
