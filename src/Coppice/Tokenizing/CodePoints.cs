using System.Globalization;
using System.Text;

namespace Coppice.Tokenizing;

/// <summary>What a rule that cuts words can ask of a code point.</summary>
[Flags]
internal enum CodePointTraits : ushort
{
    None = 0,

    /// <summary>\p{L}</summary>
    Letter = 1,

    /// <summary>\p{N}</summary>
    Number = 2,

    /// <summary>\p{M}</summary>
    Mark = 4,

    /// <summary>\p{P}</summary>
    Punctuation = 8,

    /// <summary>\p{S}</summary>
    Symbol = 16,

    /// <summary>\s</summary>
    WhiteSpace = 32,

    /// <summary>\r or \n</summary>
    Newline = 64,

    /// <summary>[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]: may stand in the capital part of a word.</summary>
    CapitalPart = 128,

    /// <summary>[\p{Ll}\p{Lm}\p{Lo}\p{M}]: may stand in the small part of a word.</summary>
    SmallPart = 256,
}

/// <summary>
/// A text as code points with their traits and where each starts in the UTF-8 bytes. Rules work on this and not on UTF-16, where
/// code points above U+FFFF have no category. Refilled by <see cref="Read"/>; the arrays only grow.
/// </summary>
internal sealed class CodePoints
{
    private int[] _values = [];
    private int[] _offsets = [0];
    private CodePointTraits[] _traits = [];

    /// <summary>Number of code points.</summary>
    public int Count { get; private set; }

    /// <summary>The code point at an index.</summary>
    public int Value(int index) => _values[index];

    /// <summary>The traits of the code point at an index.</summary>
    public CodePointTraits Traits(int index) => _traits[index];

    /// <summary>Where the code point at an index starts, in bytes; at <see cref="Count"/> the text's length.</summary>
    public int Offset(int index) => _offsets[index];

    /// <summary>Whether the code point at an index has any of the traits.</summary>
    public bool Is(int index, CodePointTraits any) => (_traits[index] & any) != CodePointTraits.None;

    /// <summary>The end of the run of code points in [start, end) that have any of the traits.</summary>
    public int RunOf(int start, int end, CodePointTraits any)
    {
        while (start < end && (_traits[start] & any) != CodePointTraits.None) start++;
        return start;
    }

    /// <summary>The end of the run of code points in [start, end) that have none of the traits.</summary>
    public int RunOfOthers(int start, int end, CodePointTraits any)
    {
        while (start < end && (_traits[start] & any) == CodePointTraits.None) start++;
        return start;
    }

    /// <summary>Replaces the text.</summary>
    /// <param name="utf8">UTF-8; invalid bytes count as U+FFFD. [bytes]</param>
    public void Read(ReadOnlySpan<byte> utf8)
    {
        if (_values.Length < utf8.Length)
        {
            _values = new int[utf8.Length];
            _traits = new CodePointTraits[utf8.Length];
            _offsets = new int[utf8.Length + 1];
        }
        int count = 0;
        int offset = 0;
        while (offset < utf8.Length)
        {
            Rune.DecodeFromUtf8(utf8[offset..], out Rune rune, out int read);
            _offsets[count] = offset;
            _values[count] = rune.Value;
            _traits[count++] = TraitsOf(rune);
            offset += read;
        }
        _offsets[count] = offset;
        Count = count;
    }

    private static CodePointTraits TraitsOf(Rune rune)
    {
        if (rune.Value is '\r' or '\n') return CodePointTraits.WhiteSpace | CodePointTraits.Newline;
        if (Rune.IsWhiteSpace(rune)) return CodePointTraits.WhiteSpace;
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => CodePointTraits.Letter | CodePointTraits.CapitalPart,
            UnicodeCategory.LowercaseLetter => CodePointTraits.Letter | CodePointTraits.SmallPart,
            UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter =>
                CodePointTraits.Letter | CodePointTraits.CapitalPart | CodePointTraits.SmallPart,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark =>
                CodePointTraits.Mark | CodePointTraits.CapitalPart | CodePointTraits.SmallPart,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CodePointTraits.Number,
            UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation
                or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation
                or UnicodeCategory.OtherPunctuation => CodePointTraits.Punctuation,
            UnicodeCategory.MathSymbol or UnicodeCategory.CurrencySymbol or UnicodeCategory.ModifierSymbol
                or UnicodeCategory.OtherSymbol => CodePointTraits.Symbol,
            _ => CodePointTraits.None,
        };
    }
}
