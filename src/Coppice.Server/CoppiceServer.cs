using System.Net;
using Coppice.Server.Api;
using Coppice.Server.Pages;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Coppice.Server;

/// <summary>
/// Answers HTTP requests with an engine: an OpenAI-compatible API, metrics, and a page to watch it. The engine stays the caller's.
/// </summary>
public sealed class CoppiceServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Engine _engine;
    private readonly ServerOptions _options;

    private CoppiceServer(WebApplication app, Engine engine, ServerOptions options) => (_app, _engine, _options) = (app, engine, options);

    /// <summary>Where it listens, once it has started.</summary>
    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>The pictures that wait, or null where there is no network for them.</summary>
    internal PerceptionQueue? Pictures => _app.Services.GetService<PerceptionQueue>();

    private RequestGate Gate => _app.Services.GetRequiredService<RequestGate>();

    /// <summary>Sets a server up; <see cref="StartAsync"/> starts it.</summary>
    /// <param name="engine">Answers; disposed by the caller, after the server.</param>
    /// <param name="options">Settings.</param>
    /// <param name="logging">Says where logs go; null: nowhere.</param>
    /// <exception cref="RequestRejectedException">A setting is out of range.</exception>
    public static CoppiceServer Create(Engine engine, ServerOptions options, Action<ILoggingBuilder>? logging = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        // Empty: nothing of the environment or of files in the working folder changes what the options say.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Listen(kestrel, options));
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        builder.Services.AddLogging(logs =>
        {
            logs.AddFilter("Microsoft", LogLevel.Warning);
            logs.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None); // a start that fails is told by its exception
            logging?.Invoke(logs);
        });
        builder.Services.AddSingleton(new ServedModel(engine, options));
        builder.Services.AddSingleton(new RequestGate(options.MaxConcurrent));
        builder.Services.AddSingleton<ServerMetrics>().AddSingleton<RequestLog>().AddSingleton<StateReader>().AddSingleton<PageFiles>();
        builder.Services.AddSingleton<CompletionEndpoint>().AddSingleton<ChatEndpoint>().AddSingleton<EmbeddingEndpoint>();
        if (options.Perception is { } perception) builder.Services.AddSingleton(_ => new PerceptionQueue(perception));
        builder.Services.AddSingleton(services => new PerceiveEndpoint(
            services.GetService<PerceptionQueue>(), services.GetRequiredService<RequestGate>(), services.GetRequiredService<ServerMetrics>(), options));
        builder.Services.AddSingleton<TokenEndpoints>().AddSingleton<InfoEndpoints>();
        AddMetrics(builder.Services);
        WebApplication app = builder.Build();
        Configure(app, options);
        return new CoppiceServer(app, engine, options);
    }

    /// <summary>Starts to listen.</summary>
    /// <exception cref="IOException">The address can't be listened on.</exception>
    public Task StartAsync(CancellationToken cancellation = default) => _app.StartAsync(cancellation);

    /// <summary>
    /// Stops: new requests get 503 while those that run may finish within <see cref="ServerOptions.DrainTimeout"/>; then the rest
    /// ends and the server no longer listens.
    /// </summary>
    /// <returns>Whether all finished by themselves.</returns>
    public async Task<bool> StopAsync()
    {
        bool finished = await Gate.CloseAsync(_options.DrainTimeout);
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            await _engine.DrainAsync(soon.Token);
        }
        catch (OperationCanceledException)
        {
            // Someone else uses the engine too.
        }

        await _app.StopAsync(soon.Token);
        return finished;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static void Listen(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
        kestrel.Limits.MaxConcurrentConnections = options.MaxConcurrent + 1024;
        if (options.Host == "localhost" && options.Port != 0) kestrel.ListenLocalhost(options.Port, Http1);
        else kestrel.Listen(options.Host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(options.Host), options.Port, Http1);

        static void Http1(ListenOptions listen) => listen.Protocols = HttpProtocols.Http1;
    }

    private static void AddMetrics(IServiceCollection services) => services.AddOpenTelemetry()
        .ConfigureResource(resource => resource.AddService("coppice", serviceVersion: ServedModel.Version))
        .WithMetrics(metrics =>
        {
            metrics.AddMeter("Coppice", ServerMetrics.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime");
            metrics.AddView("coppice.time_to_first_token", new ExplicitBucketHistogramConfiguration { Boundaries = ServerMetrics.Seconds });
            metrics.AddView("coppice.time_per_token", new ExplicitBucketHistogramConfiguration { Boundaries = ServerMetrics.TokenSeconds });
            metrics.AddPrometheusExporter();
            // The standard variable says whether and where they are sent as well.
            if (Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT") is { Length: > 0 }) metrics.AddOtlpExporter();
        });

    private static void Configure(WebApplication app, ServerOptions options)
    {
        IServiceProvider services = app.Services;
        var log = services.GetRequiredService<RequestLog>();
        var keys = new ApiKeys(options.ApiKeys);
        var hosts = new HostCheck(options);
        var pages = services.GetRequiredService<PageFiles>();
        var open = new HashSet<string>(pages.Paths, StringComparer.Ordinal) { "/health" };
        app.Use((context, next) => log.InvokeAsync(context, next));
        app.Use((context, next) =>
        {
            hosts.Check(context.Request);
            if (!open.Contains(context.Request.Path.Value ?? "")) keys.Check(context.Request);
            return next(context);
        });
        app.UseRouting();
        Map(app, services);
        foreach (string path in pages.Paths) app.MapMethods(path, ["GET", "HEAD"], (RequestDelegate)pages.HandleAsync);
    }

    private static void Map(IEndpointRouteBuilder app, IServiceProvider services)
    {
        var info = services.GetRequiredService<InfoEndpoints>();
        var tokens = services.GetRequiredService<TokenEndpoints>();
        app.MapGet("/v1/models", (RequestDelegate)info.ModelsAsync);
        app.MapGet("/v1/models/{**id}", (RequestDelegate)info.ModelAsync);
        app.MapPost("/v1/completions", (RequestDelegate)services.GetRequiredService<CompletionEndpoint>().HandleAsync);
        app.MapPost("/v1/chat/completions", (RequestDelegate)services.GetRequiredService<ChatEndpoint>().HandleAsync);
        app.MapPost("/v1/embeddings", (RequestDelegate)services.GetRequiredService<EmbeddingEndpoint>().HandleAsync);
        var perceive = services.GetRequiredService<PerceiveEndpoint>();
        app.MapGet("/v1/perceive", (RequestDelegate)perceive.InfoAsync);
        app.MapPost("/v1/perceive", (RequestDelegate)perceive.HandleAsync);
        app.MapPost("/tokenize", (RequestDelegate)tokens.TokenizeAsync);
        app.MapPost("/detokenize", (RequestDelegate)tokens.DetokenizeAsync);
        app.MapGet("/health", (RequestDelegate)info.HealthAsync);
        app.MapGet("/coppice/state", (RequestDelegate)info.StateAsync);
        app.MapPrometheusScrapingEndpoint("/metrics");
    }

    /// <summary>Signals are the process's matter, not the server's.</summary>
    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
