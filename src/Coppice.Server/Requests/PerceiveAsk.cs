using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Coppice.Server.Requests;

/// <summary>What a request says beside its picture.</summary>
/// <param name="Score">The least score of an object.</param>
/// <param name="Overlay">Whether the document holds an overlay picture.</param>
/// <param name="Png">Whether the answer is the overlay picture itself.</param>
internal readonly record struct PerceiveAsk(float Score, bool Overlay, bool Png)
{
    private const float UsualScore = 0.3f;

    /// <summary>Reads the query and the header <c>Accept</c>.</summary>
    /// <param name="request">The request.</param>
    /// <param name="leastScore">The lowest score that can be asked for.</param>
    /// <exception cref="ApiException">An option is unknown or has a wrong value.</exception>
    public static PerceiveAsk Read(HttpRequest request, float leastScore)
    {
        float score = Math.Max(UsualScore, leastScore);
        bool overlay = false;
        foreach ((string name, StringValues values) in request.Query)
        {
            string value = values.Count == 1 ? values[0] ?? "" : throw ApiException.Invalid(ApiException.Shown(name), $"'{ApiException.Shown(name)}' is given twice");
            switch (name)
            {
                case "score":
                    if (!float.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out score) || !(score >= leastScore && score <= 1))
                        throw ApiException.Invalid(name, string.Create(CultureInfo.InvariantCulture, $"'score' must be a number from {leastScore} to 1, found '{ApiException.Shown(value)}'"));
                    break;
                case "overlay":
                    overlay = value switch
                    {
                        "true" => true,
                        "false" => false,
                        _ => throw ApiException.Invalid(name, $"'overlay' must be true or false, found '{ApiException.Shown(value)}'"),
                    };
                    break;
                default:
                    throw ApiException.Invalid(ApiException.Shown(name), $"'{ApiException.Shown(name)}' is not an option of this request", "unknown_parameter");
            }
        }

        return new(score, overlay, WantsPng(request));
    }

    private static bool WantsPng(HttpRequest request)
    {
        IList<MediaTypeHeaderValue> accepted = request.GetTypedHeaders().Accept;
        return Quality("image/png") > Quality("application/json");

        double Quality(string type) => accepted.Where(a => a.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase)).Select(a => a.Quality ?? 1).DefaultIfEmpty(0).Max();
    }
}
