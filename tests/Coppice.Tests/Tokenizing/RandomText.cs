using System.Text;

namespace Coppice.Tests.Tokenizing;

/// <summary>Texts that hold a bit of everything: ASCII, white space, other scripts, marks, emoji, any code point.</summary>
internal static class RandomText
{
    private static readonly string[] Bits = [" ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "the", " world", "123", "!?", "\u0301", "\u3000", "ﬁ", "我想", "<s>", "<|", "|>"];

    /// <summary>A text of so many parts with code points below a limit.</summary>
    public static string Unicode(Random random, int parts, int codePoints = 0x110000)
    {
        StringBuilder text = new();
        for (int part = 0; part < parts; part++)
        {
            switch (random.Next(5))
            {
                case 0:
                    text.Append(Bits[random.Next(Bits.Length)]);
                    break;
                case 1:
                    text.Append((char)random.Next(' ', 0x7F));
                    break;
                case 2:
                    text.Append((char)random.Next(0xA0, 0x2000));
                    break;
                case 3:
                    text.Append(new Rune(random.Next(0x1F300, 0x1FB00)));
                    break;
                default:
                    int value = random.Next(codePoints - 0x800);
                    text.Append(new Rune(value < 0xD800 ? value : value + 0x800));
                    break;
            }
        }
        // U+2581 is how SentencePiece spells a space, so it comes back as one.
        return text.ToString().Replace('\u2581', ' ');
    }
}
