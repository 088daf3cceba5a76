using Coppice.Chat;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Coppice.Server.Tests;

public sealed class CoppiceServicesTests
{
    private static readonly string s_model = Path.Combine(Root(), "assets", "tiny-noise.gguf");

    [Fact]
    public async Task The_container_gives_one_engine_and_clients_over_it()
    {
        ServiceProvider provider = new ServiceCollection().AddCoppice(options =>
        {
            options.ModelPath = s_model;
            options.Engine = new EngineOptions { Threads = 1, KvTokens = 2048, ContextLength = 256 };
        }).BuildServiceProvider();
        Engine engine;
        await using (provider)
        {
            engine = provider.GetRequiredService<Engine>();
            IChatClient client = provider.GetRequiredService<IChatClient>();
            Assert.Same(engine, client.GetService(typeof(Engine)));
            Assert.Equal("tiny-noise", ((ChatClientMetadata)client.GetService(typeof(ChatClientMetadata))!).DefaultModelId);
            Assert.NotNull((await client.GetResponseAsync("hi", new ChatOptions { MaxOutputTokens = 4, Seed = 1 })).Text);
            var embeddings = await provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>().GenerateAsync(["hi"]);
            Assert.Equal(engine.EmbeddingWidth, embeddings[0].Dimensions);
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => engine.GenerateAsync(new GenerationRequest("x")));
    }

    [Fact]
    public void Options_come_from_configuration_and_a_missing_path_is_said()
    {
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["Coppice:ModelPath"] = "x.gguf", ["Coppice:Engine:Threads"] = "3",
        }).Build();
        using ServiceProvider bound = new ServiceCollection().AddCoppice().Configure<CoppiceOptions>(configuration.GetSection("Coppice")).BuildServiceProvider();
        CoppiceOptions options = bound.GetRequiredService<IOptions<CoppiceOptions>>().Value;
        Assert.Equal(("x.gguf", 3), (options.ModelPath, options.Engine.Threads));
        using ServiceProvider empty = new ServiceCollection().AddCoppice().BuildServiceProvider();
        var error = Assert.Throws<OptionsValidationException>(() => empty.GetRequiredService<IChatClient>());
        Assert.Contains("ModelPath", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_network_for_pictures_is_there_where_the_options_name_one()
    {
        await using ServiceProvider without = new ServiceCollection().AddCoppice(options => options.ModelPath = s_model).BuildServiceProvider();
        Assert.Contains("Perception", Assert.Throws<InvalidOperationException>(() => without.GetRequiredService<PerceptionQueue>()).Message, StringComparison.Ordinal);
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["ModelPath"] = s_model, ["Perception:Weights"] = Path.Combine(Root(), "assets", "streets.safetensors"), ["Perception:Perceiver:Precision"] = "Int8",
        }).Build();
        await using ServiceProvider provider = new ServiceCollection().AddCoppice().Configure<CoppiceOptions>(configuration).BuildServiceProvider();
        PerceptionQueue pictures = provider.GetRequiredService<PerceptionQueue>();
        Assert.Equal(Coppice.Perception.Inference.PerceptionPrecision.Int8, await pictures.PerceiveAsync(perceiver => perceiver.Precision));
    }

    private static string Root()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "Coppice.slnx"))) return at.FullName;
        throw new InvalidOperationException("the tests run outside a checkout");
    }
}
