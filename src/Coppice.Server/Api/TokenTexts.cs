using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Coppice.Sampling;
using Coppice.Server.Wire;
using Coppice.Tokenizing;

namespace Coppice.Server.Api;

/// <summary>Writes tokens and log-probabilities as OpenAI does.</summary>
internal sealed class TokenTexts(Tokenizer tokenizer)
{
    /// <summary>Turns a choice's tokens into text again.</summary>
    public Detokenizer Detokenizer() => new(tokenizer);

    // OpenAI's number for what can't happen; JSON has no infinity.
    private const double Impossible = -9999;

    /// <summary>A token as text; one that is no whole character as its bytes, <c>bytes:\xe2\x82</c>.</summary>
    public string Text(int token)
    {
        if (token >= tokenizer.VocabularySize) return "";
        ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(token, special: true);
        if (Utf8.IsValid(bytes)) return Encoding.UTF8.GetString(bytes);
        var text = new StringBuilder("bytes:");
        foreach (byte b in bytes) text.Append(CultureInfo.InvariantCulture, $"\\x{b:x2}");
        return text.ToString();
    }

    /// <summary>A token of a chat answer.</summary>
    public ChatTokenLogprob Chat(int token, float logprob, IReadOnlyList<TokenLogprob> top) => new(
        Text(token), Finite(logprob), Bytes(token), [.. top.Select(t => new ChatTopLogprob(Text(t.Token), Finite(t.Logprob), Bytes(t.Token)))]);

    /// <summary>The most likely tokens of a position, by their text. Of several with one text the first, most likely one stays.</summary>
    public IReadOnlyDictionary<string, double> Top(IReadOnlyList<TokenLogprob> top)
    {
        var texts = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (TokenLogprob t in top) texts.TryAdd(Text(t.Token), Finite(t.Logprob));
        return texts;
    }

    /// <summary>A log-probability that JSON can write.</summary>
    public static double Finite(double logprob) => double.IsFinite(logprob) ? logprob : Impossible;

    private int[] Bytes(int token)
    {
        if (token >= tokenizer.VocabularySize) return [];
        ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(token, special: true);
        var numbers = new int[bytes.Length];
        for (int i = 0; i < numbers.Length; i++) numbers[i] = bytes[i];
        return numbers;
    }
}
