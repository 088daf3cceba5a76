using System.Text.Json;
using System.Text.Json.Serialization;
using Coppice.Graphs.Training;
using Coppice.Kernels.Formats;
using Coppice.Model;
using Coppice.Training.Puzzles;

namespace Coppice.Training.LanguageModels;

/// <summary>
/// All that a trained model depends on but the code and the machine: a JSON file, kept beside the model. Its properties can be set because
/// the serializer of generated code gives init-only ones that a file leaves out no default.
/// </summary>
public sealed record TrainingRecipe
{
    /// <summary>The model's name.</summary>
    public string Name { get; set; } = "model";

    /// <summary>Seed of first weights and data.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>Layers.</summary>
    public int Layers { get; set; } = 4;

    /// <summary>Width of the residual stream.</summary>
    public int Width { get; set; } = 256;

    /// <summary>Query heads.</summary>
    public int Heads { get; set; } = 8;

    /// <summary>Key and value heads: as many as query heads is multi-head, one is multi-query.</summary>
    public int KvHeads { get; set; } = 8;

    /// <summary>Width of the feed-forward block.</summary>
    public int FeedForward { get; set; } = 704;

    /// <summary>Positions the model is said to be for.</summary>
    public int Context { get; set; } = 256;

    /// <summary>Sequences of a batch.</summary>
    public int Rows { get; set; } = 256;

    /// <summary>Tokens of a sequence; puzzles have their own.</summary>
    public int Length { get; set; } = 64;

    /// <summary>Batches whose gradients make one update.</summary>
    public int Accumulation { get; set; } = 1;

    /// <summary>Updates.</summary>
    public long Steps { get; set; } = 1000;

    /// <summary>Highest learning rate; it falls along a cosine to a fiftieth.</summary>
    public float LearningRate { get; set; } = 1e-3f;

    /// <summary>Steps in which the learning rate rises.</summary>
    public long WarmupSteps { get; set; } = 100;

    /// <summary>Weight decay of matrices.</summary>
    public float WeightDecay { get; set; } = 0.1f;

    /// <summary>Greatest norm of the gradients.</summary>
    public float ClipNorm { get; set; } = 1;

    /// <summary>Decay of the moving average of the weights, which is what is written; 0 for the last weights.</summary>
    public float AverageDecay { get; set; } = 0.999f;

    /// <summary>How matrices are stored in the model's file.</summary>
    public string Type { get; set; } = "f16";

    /// <summary>The puzzles to learn, for the task "puzzles"; the first family is the one that is measured.</summary>
    public IReadOnlyList<PuzzleRecipe> Puzzles { get; set; } = [new()];

    /// <summary>The model's sizes.</summary>
    /// <param name="vocabulary">Number of tokens.</param>
    public ModelShape Shape(int vocabulary) => new()
    {
        Name = Name,
        Architecture = "llama",
        Layers = Layers,
        Width = Width,
        Heads = Heads,
        KvHeads = KvHeads,
        HeadDim = Width / Heads,
        FeedForward = FeedForward,
        Vocabulary = vocabulary,
        Context = Context,
        TiedOutput = true,
    };

    /// <summary>The type that <see cref="Type"/> names.</summary>
    [JsonIgnore]
    public TensorType TensorType => TensorTypes.Parse(Type) ?? throw Wrong("type", "a tensor type such as f16 or q8_0", Type);

    /// <summary>Reads a recipe; what is left out has its default.</summary>
    /// <param name="path">A JSON file.</param>
    /// <exception cref="RequestRejectedException">It is not JSON, names something that does not exist, or a value is out of range.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static TrainingRecipe Read(string path)
    {
        try
        {
            TrainingRecipe recipe = JsonSerializer.Deserialize(File.ReadAllText(path), RecipeJson.Default.TrainingRecipe)
                ?? throw Wrong(path, "a recipe", "null");
            recipe.Check();
            return recipe;
        }
        catch (JsonException e)
        {
            throw new RequestRejectedException(path, "a recipe in JSON", e.Message);
        }
    }

    /// <summary>The recipe as JSON, the same text for the same recipe.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, RecipeJson.Default.TrainingRecipe);

    internal TrainerOptions TrainerOptions(int threads) => new()
    {
        Optimizer = new AdamW { Beta2 = 0.98f },
        LearningRate = new LearningRate { Peak = LearningRate, WarmupSteps = WarmupSteps, Steps = Steps, Floor = 0.02f },
        WeightDecay = WeightDecay,
        Groups = [WeightGroup.VectorsUndecayed],
        ClipNorm = ClipNorm,
        Accumulation = Accumulation,
        AverageDecay = AverageDecay,
        Run = new Graphs.GraphRunOptions { Threads = threads },
    };

    /// <exception cref="RequestRejectedException">A value is out of range.</exception>
    internal void Check()
    {
        Within("layers", Layers, 1, 256);
        Within("width", Width, 8, 1 << 14);
        Within("heads", Heads, 1, 256);
        Within("kvHeads", KvHeads, 1, Heads);
        Within("feedForward", FeedForward, 1, 1 << 16);
        Within("context", Context, 1, 1 << 20);
        Within("rows", Rows, 1, 1 << 16);
        Within("length", Length, 1, 1 << 14);
        Within("accumulation", Accumulation, 1, 1 << 10);
        Within("steps", Steps, 1, 1L << 40);
        Within("warmupSteps", WarmupSteps, 0, Steps);
        if (Heads % KvHeads != 0) throw Wrong("kvHeads", $"a divisor of {Heads}", $"{KvHeads}");
        if (Width % (8 * Heads) != 0) throw Wrong("width", $"a multiple of {8 * Heads}: heads are multiples of 8 wide", $"{Width}");
        if (!(LearningRate > 0) || !float.IsFinite(LearningRate)) throw Wrong("learningRate", "more than 0", $"{LearningRate}");
        if (!(WeightDecay >= 0)) throw Wrong("weightDecay", "0 or more", $"{WeightDecay}");
        if (!(ClipNorm >= 0)) throw Wrong("clipNorm", "0 or more", $"{ClipNorm}");
        if (!(AverageDecay >= 0 && AverageDecay < 1)) throw Wrong("averageDecay", "0 to less than 1", $"{AverageDecay}");
        if (Puzzles.Count == 0) throw Wrong("puzzles", "one family or more", "none");
        foreach (PuzzleRecipe? family in Puzzles) (family ?? throw Wrong("puzzles", "families", "null")).Check();
        _ = TensorType;
    }

    internal static void Within(string name, long value, long low, long high)
    {
        if (value < low || value > high) throw Wrong(name, $"{low} to {high}", $"{value}");
    }

    internal static RequestRejectedException Wrong(string name, string expected, string found) => new(name, expected, found);
}

/// <summary>A family of puzzles that is learned.</summary>
public sealed record PuzzleRecipe
{
    /// <summary>How many numbers a puzzle has.</summary>
    public int Count { get; set; } = 3;

    /// <summary>The greatest number.</summary>
    public int Max { get; set; } = 20;

    /// <summary>The least target.</summary>
    public int FromTarget { get; set; } = 1;

    /// <summary>The greatest target.</summary>
    public int ToTarget { get; set; } = 100;

    /// <summary>How often a line is of this family, relative to the others.</summary>
    public double Share { get; set; } = 1;

    /// <summary>All solvable puzzles of the family.</summary>
    public PuzzleSet Solve() => new([.. Enumerable.Range(FromTarget, ToTarget - FromTarget + 1)], Count, Max);

    internal void Check()
    {
        TrainingRecipe.Within("puzzles.count", Count, 2, 4);
        TrainingRecipe.Within("puzzles.max", Max, 1, 20);
        TrainingRecipe.Within("puzzles.fromTarget", FromTarget, 0, 999);
        // A row has room for a target of one token and four numbers, or of two tokens and three.
        TrainingRecipe.Within("puzzles.toTarget", ToTarget, FromTarget, Count > 3 ? 99 : 999);
        if (!(Share > 0) || !double.IsFinite(Share)) throw TrainingRecipe.Wrong("puzzles.share", "more than 0", $"{Share}");
    }
}

/// <summary>Reads and writes recipes without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip)]
[JsonSerializable(typeof(TrainingRecipe))]
internal sealed partial class RecipeJson : JsonSerializerContext;
