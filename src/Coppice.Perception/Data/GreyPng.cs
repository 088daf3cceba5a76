using System.Buffers.Binary;
using System.IO.Compression;

namespace Coppice.Perception.Data;

/// <summary>
/// The raw samples of a PNG file of one channel: grey values of 1 to 16 bits, or the indices of a palette. Labels and disparities
/// are such files, and a library that decodes pictures reduces 16 bits to 8 and replaces indices by colours.
/// </summary>
/// <remarks>PNG (ISO/IEC 15948): chunks of clause 5, filters of clause 9. Interlaced files are refused.</remarks>
internal static class GreyPng
{
    private static ReadOnlySpan<byte> Signature => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    private readonly record struct Header(int Width, int Height, int BitDepth)
    {
        public int RowBytes => (int)(((long)Width * BitDepth + 7) / 8);
    }

    /// <summary>Reads a file's samples.</summary>
    /// <param name="path">A PNG file of one channel.</param>
    /// <param name="maxPixels">The largest picture to take memory for.</param>
    /// <exception cref="SceneFormatException">No such PNG, a larger one, or a damaged one.</exception>
    /// <returns>Width, height and <c>[height, width]</c> samples as the file has them.</returns>
    public static (int Width, int Height, ushort[] Samples) Read(string path, long maxPixels = ImageFile.DefaultMaxPixels)
    {
        byte[] file = ImageFile.ReadBytes(path);
        if (!file.AsSpan().StartsWith(Signature)) throw SceneFormatException.Of(path, "a PNG file", "other bytes");
        Header? header = null;
        var data = new MemoryStream();
        for (int at = Signature.Length; ;)
        {
            if (file.Length - at < 12) throw SceneFormatException.Of(path, "chunks up to IEND", $"the end of the file behind {file.Length} bytes");
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            uint type = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at + 4));
            if (length > file.Length - at - 12) throw SceneFormatException.Of(path, $"a chunk of {length} bytes at byte {at}", $"the end of the file behind {file.Length} bytes");
            ReadOnlySpan<byte> chunk = file.AsSpan(at + 8, (int)length);
            if (type == 0x49484452) header = ReadHeader(path, chunk, maxPixels);
            else if (type == 0x49444154) data.Write(chunk);
            else if (type == 0x49454E44) break;
            at += 12 + (int)length;
        }

        if (header is not { } found) throw SceneFormatException.Of(path, "a header chunk", "none");
        data.Position = 0;
        return (found.Width, found.Height, Samples(path, found, data));
    }

    /// <summary>Reads a file's samples where each fits a byte, as class ids do.</summary>
    /// <inheritdoc cref="Read"/>
    public static (int Width, int Height, byte[] Samples) ReadBytes(string path, long maxPixels = ImageFile.DefaultMaxPixels)
    {
        (int width, int height, ushort[] samples) = Read(path, maxPixels);
        byte[] bytes = new byte[samples.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            if (samples[i] > byte.MaxValue) throw SceneFormatException.Of(path, "samples up to 255", $"{samples[i]}");
            bytes[i] = (byte)samples[i];
        }

        return (width, height, bytes);
    }

    private static Header ReadHeader(string path, ReadOnlySpan<byte> chunk, long maxPixels)
    {
        if (chunk.Length != 13) throw SceneFormatException.Of(path, "a header of 13 bytes", $"{chunk.Length}");
        uint width = BinaryPrimitives.ReadUInt32BigEndian(chunk), height = BinaryPrimitives.ReadUInt32BigEndian(chunk[4..]);
        int depth = chunk[8], color = chunk[9], interlace = chunk[12];
        ImageFile.RequireSize(path, width, height, maxPixels);
        bool grey = color == 0 && depth is 1 or 2 or 4 or 8 or 16, palette = color == 3 && depth is 1 or 2 or 4 or 8;
        if (!(grey || palette)) throw SceneFormatException.Of(path, "one channel, grey or with a palette", $"colour type {color} of {depth} bits");
        if (interlace != 0) throw SceneFormatException.Of(path, "a PNG without interlacing", $"interlace method {interlace}");
        return new((int)width, (int)height, depth);
    }

    private static ushort[] Samples(string path, Header header, Stream compressed)
    {
        ushort[] samples = new ushort[header.Width * header.Height];
        int step = Math.Max(1, header.BitDepth / 8);
        byte[] row = new byte[header.RowBytes], above = new byte[header.RowBytes];
        try
        {
            using var zlib = new ZLibStream(compressed, CompressionMode.Decompress);
            for (int y = 0; y < header.Height; y++)
            {
                int filter = zlib.ReadByte();
                zlib.ReadExactly(row);
                Unfilter(path, filter, row, above, step);
                Unpack(row, samples.AsSpan(y * header.Width, header.Width), header.BitDepth);
                (row, above) = (above, row);
            }

            // Reading on to the end makes the stream compare its checksum.
            if (zlib.ReadByte() >= 0) throw SceneFormatException.Of(path, $"{header.Height} rows", "more");
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
        {
            throw new SceneFormatException($"'{path}': expected {header.Height} rows of {header.Width} samples; found damaged or missing data", e);
        }

        return samples;
    }

    private static void Unfilter(string path, int filter, byte[] row, byte[] above, int step)
    {
        switch (filter)
        {
            case 0:
                break;
            case 1:
                for (int i = step; i < row.Length; i++) row[i] += row[i - step];
                break;
            case 2:
                for (int i = 0; i < row.Length; i++) row[i] += above[i];
                break;
            case 3:
                for (int i = 0; i < row.Length; i++) row[i] += (byte)(((i < step ? 0 : row[i - step]) + above[i]) / 2);
                break;
            case 4:
                for (int i = 0; i < row.Length; i++)
                    row[i] += i < step ? above[i] : Paeth(row[i - step], above[i], above[i - step]);
                break;
            default:
                throw SceneFormatException.Of(path, "a row filter of 0 to 4", $"{filter}");
        }
    }

    /// <summary>The neighbour nearest to left + up - corner; ties go to left, then up.</summary>
    private static byte Paeth(int left, int up, int corner)
    {
        int toLeft = Math.Abs(up - corner), toUp = Math.Abs(left - corner), toCorner = Math.Abs(left + up - 2 * corner);
        return (byte)(toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner);
    }

    private static void Unpack(byte[] row, Span<ushort> samples, int bitDepth)
    {
        if (bitDepth == 16)
        {
            for (int x = 0; x < samples.Length; x++) samples[x] = BinaryPrimitives.ReadUInt16BigEndian(row.AsSpan(2 * x));
            return;
        }

        int perByte = 8 / bitDepth, mask = (1 << bitDepth) - 1;
        for (int x = 0; x < samples.Length; x++)
            samples[x] = (ushort)(row[x / perByte] >> ((perByte - 1 - x % perByte) * bitDepth) & mask);
    }
}
