using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Coppice.Server.Pages;

/// <summary>The files of the web page, which are part of this library. They load nothing from anywhere else, and the browser is told so.</summary>
internal sealed class PageFiles
{
    private const string Prefix = "wwwroot/";
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private readonly Dictionary<string, PageFile> _files = new(StringComparer.Ordinal);

    public PageFiles()
    {
        Assembly assembly = typeof(PageFiles).Assembly;
        foreach (string name in assembly.GetManifestResourceNames())
        {
            string path = name.Replace('\\', '/');
            if (!path.StartsWith(Prefix, StringComparison.Ordinal)) continue;
            using Stream stream = assembly.GetManifestResourceStream(name)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            _files['/' + path[Prefix.Length..]] = new PageFile(content, Type(Path.GetExtension(path)), $"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..32]}\"");
        }

        foreach ((string path, PageFile page) in _files.Where(f => f.Key.EndsWith(".html", StringComparison.Ordinal)).ToArray())
            _files[path == "/index.html" ? "/" : path[..^".html".Length]] = page;
    }

    /// <summary>The paths, each beginning with a slash.</summary>
    public IEnumerable<string> Paths => _files.Keys;

    /// <summary>Sends a file.</summary>
    /// <param name="context">Its path is one of <see cref="Paths"/>, or there is no such file.</param>
    public async Task HandleAsync(HttpContext context)
    {
        // Routes are the same in any case and with a slash at their end; files are not.
        if (!_files.TryGetValue(context.Request.Path.Value!, out PageFile? file))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-cache";
        headers.ETag = file.Tag;
        if (context.Request.Headers[HeaderNames.IfNoneMatch].Contains(file.Tag))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = file.Type;
        context.Response.ContentLength = file.Content.Length;
        if (HttpMethods.IsGet(context.Request.Method)) await context.Response.Body.WriteAsync(file.Content, context.RequestAborted);
    }

    private static string Type(string extension) => extension switch
    {
        ".html" => "text/html; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".png" => "image/png",
        ".ico" => "image/x-icon",
        ".woff2" => "font/woff2",
        ".json" or ".webmanifest" => "application/json",
        _ => "application/octet-stream",
    };

    private sealed record PageFile(byte[] Content, string Type, string Tag);
}
