using Coppice.Graphs;
using Coppice.Graphs.Training;
using Coppice.Kernels.Formats;
using Coppice.Model;
using Coppice.Training.LanguageModels;

namespace Coppice.Training.Tests.LanguageModels;

public sealed class LanguageModelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("coppice-lm-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(4, TensorType.F32, true, 2e-4)]
    [InlineData(2, TensorType.F32, false, 2e-4)]
    [InlineData(1, TensorType.F16, true, 2e-2)]
    [InlineData(4, TensorType.Q8_0, false, 0.1)]
    public async Task The_file_s_log_probabilities_are_the_graph_s(int kvHeads, TensorType type, bool tied, double tolerance)
    {
        const string Text = "the shared part is computed once";
        TrainingVocabulary vocabulary = TrainingVocabulary.OfCharacters(Text);
        ModelShape shape = Shape(vocabulary.Count, kvHeads) with { TiedOutput = tied };
        int[] ids = [TrainingVocabulary.BeginId, .. vocabulary.ToTokenizer().Encode(Text).Where(id => id != TrainingVocabulary.BeginId)];
        using var trained = new Overfit(shape, ids, steps: 20);
        string path = Path.Combine(_folder, "model.gguf");
        LanguageModelFile.Write(path, shape, vocabulary, trained.Trainer.Weights(), type, "a test");
        float[] expected = trained.Logprobs();

        using Engine engine = Engine.Load(path, new EngineOptions { Threads = 1, KvType = Kernels.Attention.KvType.F32 });
        Assert.Equal(ids, engine.Tokenizer.Encode(Text));
        for (int length = 1; length < ids.Length; length += 5)
        {
            GenerationResult result = await engine.GenerateAsync(new GenerationRequest(ids[..length]) { MaxTokens = 1, Sampling = new() { Temperature = 0 } });
            int chosen = result.Choices[0].TokenIds.Count > 0 ? result.Choices[0].TokenIds[0] : TrainingVocabulary.EndId;
            Assert.Equal(expected[((length - 1) * vocabulary.Count) + chosen], result.Choices[0].Logprobs[0], tolerance);
        }
    }

    [Fact]
    public void A_two_layer_model_learns_a_thousand_characters_by_heart()
    {
        string text = string.Concat(Enumerable.Range(0, 400).Select(i => $"{i * i * 31 % 9973} "))[..1000];
        TrainingVocabulary vocabulary = TrainingVocabulary.OfCharacters(text);
        int[] ids = vocabulary.ToTokenizer().Encode(text);
        using var trained = new Overfit(Shape(vocabulary.Count, 2) with { Width = 64, FeedForward = 192, HeadDim = 16 }, ids[..1001], steps: 400, rows: 8);
        Assert.True(trained.Trainer.Loss < 0.05, $"the loss is {trained.Trainer.Loss}");
    }

    [Fact]
    public void Two_trainings_with_one_seed_give_the_same_bytes_and_another_seed_others()
    {
        byte[][] files = [.. new[] { 1, 1, 2 }.Select((seed, i) =>
        {
            TrainingVocabulary vocabulary = TrainingVocabulary.OfCharacters("abcdefgh");
            ModelShape shape = Shape(vocabulary.Count, 2);
            int[] ids = vocabulary.ToTokenizer().Encode("abcdefghabcdefgh");
            using var trained = new Overfit(shape, ids, steps: 10, seed: seed, threads: 2);
            string path = Path.Combine(_folder, $"{i}.gguf");
            LanguageModelFile.Write(path, shape, vocabulary, trained.Trainer.Weights(), TensorType.F16, "a test");
            return File.ReadAllBytes(path);
        })];
        Assert.Equal(files[0], files[1]);
        Assert.NotEqual(files[0], files[2]);
    }

    [Fact]
    public void A_shape_that_is_not_computed_is_refused()
    {
        ModelShape shape = Shape(10, 2);
        Assert.Contains("qwen2", Assert.Throws<GraphException>(() => new LanguageModelGraph(shape with { Architecture = "qwen2" }, 1, 4)).Message, StringComparison.Ordinal);
        Assert.Contains("3", Assert.Throws<GraphException>(() => new LanguageModelGraph(shape with { KvHeads = 3 }, 1, 4)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_piece_that_can_t_be_joined_is_refused()
    {
        Assert.Contains("'abc'", Assert.Throws<ArgumentException>(() => new TrainingVocabulary(["a", "b", "c", "abc"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Characters_beyond_the_first_plane_are_tokens_like_others()
    {
        TrainingVocabulary vocabulary = TrainingVocabulary.OfCharacters("a😀b😀");
        Assert.Equal(3 + 3, vocabulary.Count);
        Assert.DoesNotContain(TrainingVocabulary.UnknownId, vocabulary.ToTokenizer().Encode("😀ab"));
    }

    private static ModelShape Shape(int vocabulary, int kvHeads) => new()
    {
        Name = "test",
        Architecture = "llama",
        Layers = 2,
        Width = 32,
        Heads = 4,
        KvHeads = kvHeads,
        HeadDim = 8,
        FeedForward = 64,
        Vocabulary = vocabulary,
        Context = 64,
        TiedOutput = true,
    };

    /// <summary>Trains on one text again and again.</summary>
    private sealed class Overfit : IDisposable
    {
        private readonly LanguageModelGraph _graph;
        private readonly int[] _ids;

        public Overfit(ModelShape shape, int[] ids, int steps, int rows = 1, int seed = 1, int threads = 1)
        {
            _ids = ids;
            int length = (ids.Length - 1) / rows;
            _graph = new LanguageModelGraph(shape, rows, length);
            Value logprobs = _graph.Graph.Output(_graph.Logits.LogSoftmax());
            Trainer = new Trainer(_graph.Graph, _graph.Loss, _graph.InitialWeights(seed), new TrainerOptions
            {
                LearningRate = new LearningRate { Peak = 5e-3f, WarmupSteps = 10, Steps = steps, Floor = 0.1f },
                ClipNorm = 1,
                Run = new GraphRunOptions { Threads = threads, Spin = false },
            });
            Result = logprobs;
            for (int step = 0; step < steps; step++) Trainer.Step(_ => Fill());
        }

        public Trainer Trainer { get; }

        private Value Result { get; }

        /// <summary>[tokens, vocabulary] with the weights of now.</summary>
        public float[] Logprobs()
        {
            var again = new LanguageModelGraph(_graph.Shape, _graph.Rows, _graph.Length);
            string name = again.Graph.Output(again.Logits.LogSoftmax()).Name;
            using var session = new GraphSession(again.Graph);
            var given = new Dictionary<string, TensorData>(Trainer.Weights())
            {
                ["tokens"] = Trainer.Buffer(_graph.Tokens).ToData(),
                ["targets"] = Trainer.Buffer(_graph.Targets).ToData(),
            };
            return session.Run(given)[name].As<float>().ToArray();
        }

        public void Dispose() => Trainer.Dispose();

        private void Fill()
        {
            Span<long> tokens = Trainer.Buffer(_graph.Tokens).As<long>(), targets = Trainer.Buffer(_graph.Targets).As<long>();
            for (int i = 0; i < tokens.Length; i++) (tokens[i], targets[i]) = (_ids[i], _ids[i + 1]);
        }
    }
}
