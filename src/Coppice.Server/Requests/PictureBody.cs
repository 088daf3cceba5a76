using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Coppice.Server.Requests;

/// <summary>Reads a picture's file from a request: the body itself, or a field of a form.</summary>
internal static class PictureBody
{
    /// <summary>What a picture without a file name is called.</summary>
    public const string Unnamed = "image";

    private const int LongestBoundary = 70; // RFC 2046, section 5.1.1

    /// <summary>The picture's name and its file.</summary>
    /// <exception cref="ApiException">There is none, or it comes as something else.</exception>
    public static async Task<(string Name, byte[] File)> ReadAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        JsonBody.RefuseCompressed(request);
        bool known = MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type);
        (string name, byte[] file) = known && type!.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            ? await ReadFormAsync(context, HeaderUtilities.RemoveQuotes(type.Boundary).ToString())
            : known && (type!.Type.Equals("image", StringComparison.OrdinalIgnoreCase) || type.MediaType.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase))
                ? (Unnamed, await BytesAsync(request.Body, context.RequestAborted))
                : throw ApiException.Wrong(
                    StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type",
                    "the request's Content-Type must be an image's as image/png, application/octet-stream or multipart/form-data, found "
                    + (request.ContentType is { Length: > 0 } given ? $"'{ApiException.Shown(given)}'" : "none"));
        return file.Length > 0 ? (name, file) : throw ApiException.Wrong(StatusCodes.Status400BadRequest, "invalid_image", "the request's body is empty; a picture is expected");
    }

    private static async Task<(string Name, byte[] File)> ReadFormAsync(HttpContext context, string boundary)
    {
        // Forms are what a page of another origin can send without being asked; browsers say where a request is from.
        if (context.Request.Headers["Sec-Fetch-Site"].ToString() is "cross-site" or "same-site")
            throw ApiException.Wrong(StatusCodes.Status403Forbidden, "cross_origin", "forms from pages of other origins are not taken");
        if (boundary.Length is 0 or > LongestBoundary) throw BadForm();
        try
        {
            (string, byte[])? picture = null;
            var reader = new MultipartReader(boundary, context.Request.Body);
            while (await reader.ReadNextSectionAsync(context.RequestAborted) is { } section)
            {
                if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? about)) throw BadForm();
                string field = HeaderUtilities.RemoveQuotes(about.Name).ToString(), shown = ApiException.Shown(field);
                if (field is not ("image" or "file")) throw ApiException.Invalid(shown, $"'{shown}' is not a field of this request; the picture is 'image' or 'file'", "unknown_parameter");
                if (picture is not null) throw ApiException.Invalid(shown, "one picture is expected, found several");
                picture = (NameOf(about), await BytesAsync(section.Body, context.RequestAborted));
            }

            return picture ?? throw ApiException.Invalid("image", "'image' is missing: a picture is expected as 'image' or 'file'", "missing_parameter");
        }
        catch (Exception e) when (e is InvalidDataException or IOException and not BadHttpRequestException)
        {
            throw BadForm();
        }
    }

    /// <summary>A file's name without its folders, short enough for a document.</summary>
    private static string NameOf(ContentDispositionHeaderValue about)
    {
        string given = HeaderUtilities.RemoveQuotes(about.FileNameStar.HasValue ? about.FileNameStar : about.FileName).ToString();
        string name = ApiException.Shown(given[(given.LastIndexOfAny(['/', '\\']) + 1)..]);
        return name.Length > 0 ? name : Unnamed;
    }

    private static async Task<byte[]> BytesAsync(Stream stream, CancellationToken cancellation)
    {
        using var buffer = new MemoryStream();
        await stream.CopyToAsync(buffer, cancellation);
        return buffer.ToArray();
    }

    private static ApiException BadForm() => ApiException.Wrong(StatusCodes.Status400BadRequest, "invalid_form", "the request's body is not valid multipart/form-data");
}
