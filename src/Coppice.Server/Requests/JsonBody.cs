using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Coppice.Server.Requests;

/// <summary>Reads a request's body: one JSON object, or one sentence on why it is none.</summary>
internal static class JsonBody
{
    private const int MaxDepth = 64;

    /// <summary>The body's fields.</summary>
    /// <exception cref="ApiException">It is no JSON object.</exception>
    public static async Task<Fields> ReadAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        // Only this type: a page of another origin can send others without being asked.
        if (!request.HasJsonContentType())
            throw ApiException.Wrong(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", "the request's Content-Type must be application/json");
        RefuseCompressed(request);
        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer, context.RequestAborted);
        return Parse(buffer.ToArray());
    }

    /// <summary>Refuses a body that would have to be unpacked first.</summary>
    /// <exception cref="ApiException">It says that it is one.</exception>
    public static void RefuseCompressed(HttpRequest request)
    {
        if (request.Headers.ContainsKey(HeaderNames.ContentEncoding))
            throw ApiException.Wrong(StatusCodes.Status415UnsupportedMediaType, "unsupported_encoding", "compressed bodies are not supported; send the body without a Content-Encoding");
    }

    /// <summary>The fields of a JSON object.</summary>
    /// <param name="utf8">The text.</param>
    public static Fields Parse(ReadOnlyMemory<byte> utf8)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8)) utf8 = utf8[3..];
        if (utf8.Span.TrimStart(" \t\r\n"u8).IsEmpty) throw Bad("the request's body is empty; a JSON object is expected");
        if (!Utf8.IsValid(utf8.Span)) throw Bad("the request's body is not valid UTF-8");
        if (IsTooDeep(utf8.Span)) throw Bad($"the request's body is nested more than {MaxDepth} levels deep");
        JsonElement root;
        try
        {
            root = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = MaxDepth }).RootElement;
        }
        catch (JsonException e)
        {
            throw Bad($"the request's body is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1})");
        }

        return root.ValueKind == JsonValueKind.Object ? new Fields(root, "") : throw Bad("the request's body must be a JSON object");
    }

    private static ApiException Bad(string message) => ApiException.Wrong(StatusCodes.Status400BadRequest, "invalid_json", message);

    private static bool IsTooDeep(ReadOnlySpan<byte> json)
    {
        int depth = 0;
        bool inText = false;
        for (int i = 0; i < json.Length; i++)
        {
            byte b = json[i];
            if (inText)
            {
                if (b == '\\') i++;
                else if (b == '"') inText = false;
            }
            else if (b == '"') inText = true;
            else if (b is (byte)'{' or (byte)'[' && ++depth > MaxDepth) return true;
            else if (b is (byte)'}' or (byte)']') depth--;
        }

        return false;
    }
}
