using System.Buffers.Binary;
using System.IO.Compression;

namespace Coppice.Perception.Tests;

/// <summary>PNG files of one channel with a chosen bit depth and row filter.</summary>
internal static class PngBytes
{
    /// <summary>A file of samples, each row with the filter of its number modulo 5 (or one for all).</summary>
    public static byte[] Grey(int width, int height, int bitDepth, Func<int, int, int> sample, int? filter = null, int color = 0)
    {
        int rowBytes = (width * bitDepth + 7) / 8, step = Math.Max(1, bitDepth / 8);
        var raw = new MemoryStream();
        byte[] above = new byte[rowBytes];
        for (int y = 0; y < height; y++)
        {
            byte[] row = new byte[rowBytes];
            for (int x = 0; x < width; x++)
            {
                int value = sample(x, y);
                if (bitDepth == 16) BinaryPrimitives.WriteUInt16BigEndian(row.AsSpan(2 * x), (ushort)value);
                else row[x * bitDepth / 8] |= (byte)(value << (8 - bitDepth - x * bitDepth % 8));
            }

            int kind = filter ?? y % 5;
            raw.WriteByte((byte)kind);
            for (int i = 0; i < rowBytes; i++)
            {
                int left = i < step ? 0 : row[i - step], up = above[i], corner = i < step ? 0 : above[i - step];
                int estimate = left + up - corner;
                int paeth = new[] { left, up, corner }.MinBy(near => Math.Abs(estimate - near));
                int predicted = kind switch { 0 => 0, 1 => left, 2 => up, 3 => (left + up) / 2, 4 => paeth, _ => 0 };
                raw.WriteByte((byte)(row[i] - predicted));
            }

            above = row;
        }

        var data = new MemoryStream();
        using (var zlib = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(raw.ToArray());
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = ((byte)bitDepth, (byte)color);
        byte[] compressed = data.ToArray();
        int half = compressed.Length / 2;
        return
        [
            0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A,
            .. Chunk("IHDR", header),
            .. color == 3 ? Chunk("PLTE", new byte[3 << bitDepth]) : [],
            .. Chunk("IDAT", compressed[..half]), .. Chunk("IDAT", compressed[half..]), .. Chunk("IEND", []),
        ];
    }

    /// <summary>A chunk with its length and checksum.</summary>
    public static byte[] Chunk(string type, byte[] content)
    {
        byte[] named = [.. System.Text.Encoding.ASCII.GetBytes(type), .. content];
        byte[] ends = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(ends, content.Length);
        BinaryPrimitives.WriteUInt32BigEndian(ends.AsSpan(4), Crc(named));
        return [.. ends[..4], .. named, .. ends[4..]];
    }

    private static uint Crc(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
        }

        return ~crc;
    }
}
