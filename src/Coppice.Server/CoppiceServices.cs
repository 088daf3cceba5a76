using Coppice.Chat;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Coppice.Server;

/// <summary>A model as a service of an application.</summary>
public sealed class CoppiceOptions
{
    /// <summary>The GGUF file.</summary>
    public string ModelPath { get; set; } = "";

    /// <summary>What the model is called; null: the file's name without its ending.</summary>
    public string? ModelId { get; set; }

    /// <summary>A file with a chat template instead of the model's own.</summary>
    public string? TemplatePath { get; set; }

    /// <summary>A network for pictures of streets; null: none.</summary>
    public PerceptionOptions? Perception { get; set; }

    /// <summary>How the engine is set up.</summary>
    public EngineOptions Engine { get; set; } = new();
}

/// <summary>Registers a local model for dependency injection.</summary>
public static class CoppiceServices
{
    /// <summary>
    /// Registers one <see cref="Engine"/>, and over it an <see cref="IChatClient"/> and an <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>.
    /// The model is loaded when one of them is first asked for, and leaves with the container. Where <see cref="CoppiceOptions.Perception"/>
    /// names a network, a <see cref="PerceptionQueue"/> is there as well.
    /// </summary>
    /// <param name="services">Gets the registrations.</param>
    /// <param name="configure">Sets the options; they can also be bound to configuration with <c>services.Configure&lt;CoppiceOptions&gt;(section)</c>.</param>
    /// <exception cref="ArgumentNullException">An argument is null. A missing model path shows when the options are first read.</exception>
    public static IServiceCollection AddCoppice(this IServiceCollection services, Action<CoppiceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        OptionsBuilder<CoppiceOptions> options = services.AddOptions<CoppiceOptions>();
        if (configure is not null) options.Configure(configure);
        options.Validate(given => !string.IsNullOrWhiteSpace(given.ModelPath), "CoppiceOptions.ModelPath: expected the path of a GGUF file, found none");
        services.AddSingleton(provider =>
        {
            CoppiceOptions given = provider.GetRequiredService<IOptions<CoppiceOptions>>().Value;
            return Engine.Load(given.ModelPath, given.Engine);
        });
        services.AddSingleton<IChatClient>(provider =>
        {
            CoppiceOptions given = provider.GetRequiredService<IOptions<CoppiceOptions>>().Value;
            ChatTemplate? template = given.TemplatePath is { } path ? ChatTemplate.Parse(File.ReadAllText(path), Path.GetFileName(path)) : null;
            return new CoppiceChatClient(provider.GetRequiredService<Engine>(), NameOf(given), template);
        });
        services.AddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(provider =>
            new CoppiceEmbeddingGenerator(provider.GetRequiredService<Engine>(), NameOf(provider.GetRequiredService<IOptions<CoppiceOptions>>().Value)));
        services.AddSingleton(provider => new PerceptionQueue(
            provider.GetRequiredService<IOptions<CoppiceOptions>>().Value.Perception
            ?? throw new InvalidOperationException("CoppiceOptions.Perception: expected a network for pictures, found none")));
        return services;
    }

    private static string NameOf(CoppiceOptions options) => options.ModelId ?? Path.GetFileNameWithoutExtension(options.ModelPath);
}
