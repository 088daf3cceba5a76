using Microsoft.Extensions.AI;

namespace Coppice.Chat;

/// <summary>A local engine as <see cref="IEmbeddingGenerator"/>: a text's final hidden states, pooled and of length 1.</summary>
public sealed class CoppiceEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    /// <summary>Texts that are in the engine's queue at once.</summary>
    private const int MostAtOnce = 16;

    private readonly Engine _engine;
    private readonly EmbeddingPooling _pooling;
    private readonly EmbeddingGeneratorMetadata _metadata;

    /// <summary>Makes a generator. It does not own the engine.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="modelId">What the model is called.</param>
    /// <param name="pooling">How the tokens' states become one.</param>
    public CoppiceEmbeddingGenerator(Engine engine, string modelId = "coppice", EmbeddingPooling pooling = EmbeddingPooling.Mean)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentException.ThrowIfNullOrEmpty(modelId);
        (_engine, _pooling) = (engine, pooling);
        _metadata = new EmbeddingGeneratorMetadata("coppice", null, modelId, engine.EmbeddingWidth);
    }

    /// <summary>Embeds texts; they share the engine's steps.</summary>
    /// <returns>One for each text, of the model's width.</returns>
    /// <exception cref="RequestRejectedException">A text has no token or too many, or another width or model is asked for.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (options?.Dimensions is int wanted && wanted != _engine.EmbeddingWidth) throw new RequestRejectedException("Dimensions", $"{_engine.EmbeddingWidth}", $"{wanted}");
        if (options?.ModelId is { } model && model != _metadata.DefaultModelId) throw new RequestRejectedException("ModelId", _metadata.DefaultModelId!, model);
        int[][] texts = [.. values.Select(text => _engine.Tokenizer.Encode(text))];
        var vectors = new float[texts.Length][];
        var some = new ParallelOptions { MaxDegreeOfParallelism = MostAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, texts.Length, some, async (i, cancel) => vectors[i] = await _engine.EmbedAsync(texts[i], _pooling, cancel).ConfigureAwait(false)).ConfigureAwait(false);
        int count = texts.Sum(tokens => tokens.Length);
        return new GeneratedEmbeddings<Embedding<float>>(vectors.Select(vector => new Embedding<float>(vector) { ModelId = _metadata.DefaultModelId, CreatedAt = DateTimeOffset.UtcNow }))
        {
            Usage = new UsageDetails { InputTokenCount = count, TotalTokenCount = count },
        };
    }

    /// <summary>The engine, the generator itself or its metadata.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        return serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata : serviceType == typeof(Engine) ? _engine : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Does nothing: the engine belongs to who loaded it.</summary>
    public void Dispose()
    {
    }
}
