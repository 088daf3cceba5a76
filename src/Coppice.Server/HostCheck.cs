using System.Net;
using Microsoft.AspNetCore.Http;

namespace Coppice.Server;

/// <summary>
/// A server on loopback answers only requests that call it by a loopback name. So no page of another site reaches it through a name
/// that this site made point here.
/// </summary>
internal sealed class HostCheck(ServerOptions options)
{
    /// <summary>Checks a request.</summary>
    /// <exception cref="ApiException">It calls the server by another name.</exception>
    public void Check(HttpRequest request)
    {
        if (!options.IsLoopback) return;
        string host = request.Host.Host.Trim('[', ']');
        if (host.Length == 0 || host.Equals("localhost", StringComparison.OrdinalIgnoreCase)) return;
        if (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address)) return;
        if (options.AllowedHosts.Contains(host, StringComparer.OrdinalIgnoreCase)) return;
        throw ApiException.Wrong(
            StatusCodes.Status403Forbidden, "host_not_allowed", $"this server is not called '{ApiException.Shown(host)}'; start it with --allow-host to let it be");
    }
}
