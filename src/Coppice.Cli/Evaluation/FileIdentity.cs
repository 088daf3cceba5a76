using System.Security.Cryptography;

namespace Coppice.Cli.Evaluation;

/// <summary>Tells one large file from another without reading all of it.</summary>
internal static class FileIdentity
{
    private const int Pieces = 64, PieceBytes = 1 << 16;

    /// <summary>Its size, and a hash of pieces at even distances: of the whole file where that is small.</summary>
    /// <exception cref="IOException">It can't be read.</exception>
    public static string Of(string path)
    {
        using FileStream file = File.OpenRead(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var piece = new byte[PieceBytes];
        long steps = Math.Max(1, Math.Min(Pieces, (file.Length + PieceBytes - 1) / PieceBytes)) - 1;
        for (long i = 0; i <= steps; i++)
        {
            file.Position = steps == 0 ? 0 : (long)((Int128)Math.Max(0, file.Length - PieceBytes) * i / steps);
            hash.AppendData(piece, 0, file.ReadAtLeast(piece, PieceBytes, throwOnEndOfStream: false));
        }

        return $"{file.Length} bytes, {Convert.ToHexStringLower(hash.GetHashAndReset())[..12]}";
    }
}
