using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server;

/// <summary>Tells whether a request carries one of the keys, in a time that does not depend on what it carries.</summary>
internal sealed class ApiKeys(IReadOnlyList<string> keys)
{
    private const string Scheme = "Bearer ";

    // Digests have one length, so that not even a key's length shows.
    private readonly byte[][] _digests = [.. keys.Select(Digest)];

    /// <summary>Checks a request.</summary>
    /// <exception cref="ApiException">It has no key, or a wrong one.</exception>
    public void Check(HttpRequest request)
    {
        if (_digests.Length == 0) return;
        string header = request.Headers.Authorization.ToString();
        bool given = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase);
        byte[] found = Digest(given ? header[Scheme.Length..].Trim() : "");
        bool right = false;
        foreach (byte[] digest in _digests) right |= CryptographicOperations.FixedTimeEquals(digest, found);
        if (!given || !right) throw ApiException.NoKey(given);
    }

    private static byte[] Digest(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
