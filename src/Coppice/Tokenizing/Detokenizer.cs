using System.Buffers;
using System.Text.Unicode;

namespace Coppice.Tokenizing;

/// <summary>
/// Turns one branch's tokens into text as they come. Bytes that may still become a character wait; bytes that can't any more
/// become U+FFFD at once. The concatenation of all deltas and <see cref="Flush"/> is the text of all bytes.
/// </summary>
public sealed class Detokenizer
{
    private const int LongestWait = 3;

    private readonly Tokenizer _tokenizer;
    private readonly bool _special;
    private readonly byte[] _waiting = new byte[LongestWait];
    private int _waitingCount;
    private bool _dropsSpace;

    /// <summary>Starts a text.</summary>
    /// <param name="tokenizer">The vocabulary.</param>
    /// <param name="atTextStart">
    /// Drops the space that SentencePiece puts before a text from the first token that has text. False where the tokens continue a
    /// prompt: there the space separates words.
    /// </param>
    /// <param name="special">Shows control and unknown tokens.</param>
    public Detokenizer(Tokenizer tokenizer, bool atTextStart = false, bool special = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _special = special;
        _dropsSpace = atTextStart && tokenizer.AddsSpacePrefix;
    }

    /// <summary>Whether bytes wait for the rest of their character.</summary>
    public bool IsWaiting => _waitingCount > 0;

    /// <summary>Adds a token; returns the text that is certain now, often empty.</summary>
    /// <param name="id">The token.</param>
    public string Append(int id)
    {
        ReadOnlySpan<byte> bytes = _tokenizer.TokenBytes(id, _special);
        if (bytes.IsEmpty) return "";
        if (_dropsSpace)
        {
            _dropsSpace = false;
            if (bytes[0] == ' ' && _tokenizer.Kind(id) == TokenKind.Normal) bytes = bytes[1..];
        }
        return Convert(bytes, isLast: false);
    }

    /// <summary>Ends the text: bytes that still wait become U+FFFD.</summary>
    public string Flush() => Convert([], isLast: true);

    private string Convert(ReadOnlySpan<byte> bytes, bool isLast)
    {
        int count = _waitingCount + bytes.Length;
        if (count == 0) return "";
        byte[]? rented = count > 256 ? ArrayPool<byte>.Shared.Rent(count) : null;
        char[]? rentedText = count > 256 ? ArrayPool<char>.Shared.Rent(count) : null;
        Span<byte> all = rented is null ? stackalloc byte[count] : rented.AsSpan(0, count);
        // A byte never makes more than one UTF-16 unit, and neither does an invalid one.
        Span<char> text = rentedText is null ? stackalloc char[count] : rentedText.AsSpan(0, count);
        _waiting.AsSpan(0, _waitingCount).CopyTo(all);
        bytes.CopyTo(all[_waitingCount..]);
        Utf8.ToUtf16(all, text, out int read, out int written, replaceInvalidSequences: true, isFinalBlock: isLast);
        _waitingCount = count - read;
        all[read..].CopyTo(_waiting);
        string delta = new(text[..written]);
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        if (rentedText is not null) ArrayPool<char>.Shared.Return(rentedText);
        return delta;
    }
}
