using System.Text;

namespace Coppice.Tokenizing;

/// <summary>
/// The 256 characters in which byte-level BPE spells bytes (Radford et al. 2019, GPT-2): printable Latin-1 characters stand for
/// their own byte, and the 68 others take U+0100, U+0101, ... in the order of the bytes. A space is spelled U+0120.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly short[] ByteOfCharacter = Invert();

    /// <summary>Turns a spelling (UTF-8) into the bytes it stands for.</summary>
    /// <param name="spelling">UTF-8. [bytes]</param>
    /// <param name="bytes">Takes the result; as long as the spelling is enough.</param>
    /// <param name="count">Bytes written.</param>
    /// <returns>False when the spelling has a character outside the alphabet.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> spelling, Span<byte> bytes, out int count)
    {
        count = 0;
        while (!spelling.IsEmpty)
        {
            Rune.DecodeFromUtf8(spelling, out Rune rune, out int read);
            short value = rune.Value < ByteOfCharacter.Length ? ByteOfCharacter[rune.Value] : (short)-1;
            if (value < 0) return false;
            bytes[count++] = (byte)value;
            spelling = spelling[read..];
        }
        return true;
    }

    private static bool StandsForItself(int value) => value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);

    private static short[] Invert()
    {
        short[] byteOf = new short[0x100 + 68];
        Array.Fill(byteOf, (short)-1);
        int next = 0x100;
        for (int value = 0; value < 256; value++) byteOf[StandsForItself(value) ? value : next++] = (short)value;
        return byteOf;
    }
}
