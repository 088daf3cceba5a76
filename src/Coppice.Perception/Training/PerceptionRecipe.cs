using System.Text.Json;
using System.Text.Json.Serialization;
using Coppice.Graphs;
using Coppice.Perception.Losses;

namespace Coppice.Perception.Training;

/// <summary>
/// All that trained weights depend on but the data, the code and the machine: a JSON file, kept beside the weights. Its properties can be
/// set because the serializer of generated code gives init-only ones that a file leaves out no default.
/// </summary>
public sealed record PerceptionRecipe
{
    /// <summary>The name of the weights.</summary>
    public string Name { get; set; } = "perception";

    /// <summary>Seed of first weights, order and augmentation.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>Width of the image that the network is measured and used on, pixels.</summary>
    public int Width { get; set; } = 512;

    /// <summary>Its height.</summary>
    public int Height { get; set; } = 256;

    /// <summary>Parts of the training, one after another under one learning rate; small crops come first.</summary>
    public IReadOnlyList<PerceptionStage> Stages { get; set; } = [new()];

    /// <summary>Highest learning rate.</summary>
    public float LearningRate { get; set; } = 2e-3f;

    /// <summary>Steps in which it rises.</summary>
    public long WarmupSteps { get; set; } = 200;

    /// <summary>Weight decay of kernels.</summary>
    public float WeightDecay { get; set; } = 0.02f;

    /// <summary>Greatest norm of the gradients.</summary>
    public float ClipNorm { get; set; } = 5;

    /// <summary>Decay of the moving average of the weights, which is what is written; 0 for the last weights.</summary>
    public float AverageDecay { get; set; } = 0.998f;

    /// <summary>A label of a class with share p of the pixels weighs 1 / ln(offset + p): near 1 rare classes weigh much (ENet, arXiv 1606.02147, has 1.02).</summary>
    public double ClassWeightOffset { get; set; } = 1.05;

    /// <summary>
    /// How much of the classes' weights is taken back in what is written: scores of a network that learned with weights w are ln(w) too high
    /// against probabilities, and rare classes are told too often. 1 takes ln(w) off each score's bias, 0 nothing.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double ClassWeightCorrection { get; set; }

    /// <summary>Weight of the loss on the scores of the /16 map.</summary>
    public float AuxiliaryWeight { get; set; } = 0.3f;

    /// <summary>How far colours are changed: factors on brightness, contrast, saturation and channels go from 1 - jitter to 1 + jitter.</summary>
    public float ColorJitter { get; set; } = 0.3f;

    /// <summary>Steps between measurements on held-out images.</summary>
    public int EvaluateEvery { get; set; } = 500;

    /// <summary>Losses of several tasks; null for the paper's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LossOptions? Loss { get; set; }

    /// <summary>Whether scenes of several tasks are mirrored and changed in no other way.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool MirrorOnly { get; set; }

    /// <summary>All updates.</summary>
    [JsonIgnore]
    public long Steps => Stages.Sum(s => (long)s.Steps);

    /// <summary>Reads a recipe; what is left out has its default.</summary>
    /// <param name="path">A JSON file.</param>
    /// <exception cref="GraphException">It is not JSON, names something that does not exist, or a value is out of range.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    public static PerceptionRecipe Read(string path)
    {
        try
        {
            PerceptionRecipe recipe = JsonSerializer.Deserialize(File.ReadAllText(path), PerceptionRecipeJson.Default.PerceptionRecipe)
                ?? throw new GraphException($"{path}: expected a recipe, found null");
            recipe.Check();
            return recipe;
        }
        catch (JsonException e)
        {
            throw new GraphException($"{path}: expected a recipe in JSON, found {e.Message}", e);
        }
    }

    /// <summary>The recipe as JSON, the same text for the same recipe.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, PerceptionRecipeJson.Default.PerceptionRecipe);

    /// <summary>Refuses what can't be trained.</summary>
    /// <exception cref="GraphException">A value is out of range.</exception>
    public void Check()
    {
        Require(Width is >= 32 and <= 8192, "width", "32 to 8192", Width);
        Require(Height is >= 32 and <= 8192, "height", "32 to 8192", Height);
        Require(Stages.Count > 0, "stages", "one or more", Stages.Count);
        foreach (PerceptionStage stage in Stages) stage.Check();
        Require(LearningRate > 0 && float.IsFinite(LearningRate), "learningRate", "more than 0", LearningRate);
        Require(WarmupSteps >= 0 && WarmupSteps <= Steps, "warmupSteps", $"0 to {Steps}", WarmupSteps);
        Require(WeightDecay >= 0 && float.IsFinite(WeightDecay), "weightDecay", "0 or more", WeightDecay);
        Require(ClipNorm >= 0 && float.IsFinite(ClipNorm), "clipNorm", "0 or more", ClipNorm);
        Require(AverageDecay is >= 0 and < 1, "averageDecay", "0 to less than 1", AverageDecay);
        Require(ClassWeightOffset > 1 && double.IsFinite(ClassWeightOffset), "classWeightOffset", "more than 1", ClassWeightOffset);
        Require(ClassWeightCorrection is >= 0 and <= 2, "classWeightCorrection", "0 to 2", ClassWeightCorrection);
        Require(AuxiliaryWeight >= 0 && float.IsFinite(AuxiliaryWeight), "auxiliaryWeight", "0 or more", AuxiliaryWeight);
        Require(ColorJitter is >= 0 and < 1, "colorJitter", "0 to less than 1", ColorJitter);
        Require(EvaluateEvery >= 1, "evaluateEvery", "1 or more", EvaluateEvery);
    }

    internal static void Require(bool condition, string name, string expected, double found)
    {
        if (!condition) throw new GraphException($"{name}: expected {expected}, found {found}");
    }
}

/// <summary>A part of the training: size and number of the crops, and how they are cut.</summary>
public sealed record PerceptionStage
{
    /// <summary>Updates.</summary>
    public int Steps { get; set; } = 1000;

    /// <summary>Images of an update.</summary>
    public int Batch { get; set; } = 8;

    /// <summary>Width of a crop, pixels, a multiple of 8.</summary>
    public int Width { get; set; } = 256;

    /// <summary>Height of a crop, a multiple of 8.</summary>
    public int Height { get; set; } = 128;

    /// <summary>The least factor on an image's size before the crop.</summary>
    public double MinScale { get; set; } = 0.5;

    /// <summary>The greatest.</summary>
    public double MaxScale { get; set; } = 2;

    internal void Check()
    {
        PerceptionRecipe.Require(Steps >= 1, "stages.steps", "1 or more", Steps);
        PerceptionRecipe.Require(Batch is >= 1 and <= 1024, "stages.batch", "1 to 1024", Batch);
        PerceptionRecipe.Require(Width is >= 32 and <= 8192 && Width % 8 == 0, "stages.width", "a multiple of 8 from 32 to 8192", Width);
        PerceptionRecipe.Require(Height is >= 32 and <= 8192 && Height % 8 == 0, "stages.height", "a multiple of 8 from 32 to 8192", Height);
        PerceptionRecipe.Require(MinScale is >= 0.05 and <= 20, "stages.minScale", "0.05 to 20", MinScale);
        PerceptionRecipe.Require(MaxScale >= MinScale && MaxScale <= 20, "stages.maxScale", $"{MinScale} to 20", MaxScale);
    }
}

/// <summary>Reads and writes recipes without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip)]
[JsonSerializable(typeof(PerceptionRecipe))]
internal sealed partial class PerceptionRecipeJson : JsonSerializerContext;
