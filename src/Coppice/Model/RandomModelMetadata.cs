using Coppice.Kernels.Formats;
using Coppice.ModelFiles;

namespace Coppice.Model;

/// <summary>The keys of a random model's file.</summary>
internal static class RandomModelMetadata
{
    /// <summary>Sets all keys, the vocabulary's too.</summary>
    public static void SetOn(GgufWriter writer, ModelShape shape, TensorType type, ulong seed)
    {
        // Set here for their place in the file.
        writer.Set("general.architecture", shape.Architecture);
        writer.Set("general.type", "model");
        // llama.cpp looks for model families in the name, so the shape is not in it.
        writer.Set("general.name", "random weights");
        writer.Set("general.description", $"shape {shape.Name}, weights made from seed {seed}");
        ModelMetadata.SetOn(writer, shape, type);
        RandomModelVocabulary.SetOn(writer, shape.Vocabulary);
    }
}
