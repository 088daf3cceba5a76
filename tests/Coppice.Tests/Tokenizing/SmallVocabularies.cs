using System.Text;
using Coppice.Tokenizing;

namespace Coppice.Tests.Tokenizing;

/// <summary>Vocabularies small enough to read.</summary>
internal static class SmallVocabularies
{
    /// <summary>Byte-level BPE: ids 0 to 255 are the bytes, then the merged tokens, then user-defined, then control tokens.</summary>
    public static VocabularyData ByteLevel(string[]? merges = null, string[]? userDefined = null, string[]? control = null, string? pre = "gpt-2")
    {
        merges ??= [];
        userDefined ??= [];
        control ??= [];
        string[] bytes = new string[256];
        int next = 256;
        for (int value = 0; value < 256; value++)
        {
            bytes[value] = ((char)(value is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174 ? value : next++)).ToString();
        }
        return new VocabularyData
        {
            Model = "gpt2",
            PreTokenizer = pre,
            Tokens = Utf8([.. bytes, .. merges.Select(merge => merge.Replace(" ", "", StringComparison.Ordinal)), .. userDefined, .. control]),
            Kinds =
            [
                .. Enumerable.Repeat(TokenKind.Normal, 256 + merges.Length),
                .. Enumerable.Repeat(TokenKind.UserDefined, userDefined.Length),
                .. Enumerable.Repeat(TokenKind.Control, control.Length),
            ],
            Merges = Utf8(merges),
        };
    }

    /// <summary>SentencePiece: unknown, begin, end, the bytes, then pieces with scores; the first of equals has the lower id.</summary>
    public static VocabularyData SentencePiece(params (string Piece, float Score)[] pieces)
    {
        if (pieces.Length == 0)
        {
            pieces =
            [
                ("▁hello", -1), ("▁", -9), ("h", -10), ("e", -10), ("l", -10), ("o", -10), ("he", -3), ("ll", -4), ("hell", -5), ("hello", -2),
            ];
        }
        string[] bytes = [.. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")];
        return new VocabularyData
        {
            Model = "llama",
            Tokens = Utf8(["<unk>", "<s>", "</s>", .. bytes, .. pieces.Select(piece => piece.Piece)]),
            Scores = [0, 0, 0, .. new float[256], .. pieces.Select(piece => piece.Score)],
            Kinds =
            [
                TokenKind.Unknown, TokenKind.Control, TokenKind.Control,
                .. Enumerable.Repeat(TokenKind.Byte, 256), .. Enumerable.Repeat(TokenKind.Normal, pieces.Length),
            ],
        };
    }

    public static IReadOnlyList<ReadOnlyMemory<byte>> Utf8(IEnumerable<string> texts) =>
        [.. texts.Select(text => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(text))];
}
